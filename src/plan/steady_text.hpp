#pragma once

#include <string>
#include <string_view>

namespace portcullis::plan {

/// The words of a cloud's or a server's error as they may stand in a status: times and ids of
/// single calls are blanked, since a text that differs each time would be written each time. Ids
/// that name something stay: those in resource ids, and of clients, objects, applications, tenants
/// and subscriptions. The log has the whole text.
std::string steady_text(std::string_view error);

}  // namespace portcullis::plan
