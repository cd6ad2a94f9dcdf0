#pragma once

#include "lab/cloud.hpp"

namespace portcullis::lab {

/// The admin interface's part about the world: groups and their rules (foreign edits), machines,
/// interfaces, the world as a whole, and whether a connection would pass. Changes are immediate: no
/// token, no operation, no lock.
net::Response answer_admin_world(Cloud& cloud, const Call& call);

}  // namespace portcullis::lab
