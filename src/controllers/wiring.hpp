#pragma once

#include "controllers/world.hpp"

namespace portcullis::controllers {

/// Which change of which object wakes which controller. Call once, before the reflectors run.
void wire(World& world);

}  // namespace portcullis::controllers
