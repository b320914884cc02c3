#include "daemon/http/slots.hpp"

#include <fmt/format.h>

namespace moetune::daemon::http {

schema::Result<std::shared_ptr<void>> Slots::take() {
  if (taken_.fetch_add(1) >= count_) {
    --taken_;
    return schema::fail(schema::ErrorCode::unavailable,
                        fmt::format("all {} {} are taken: close one or try again later", count_, what_),
                        {{"limit", count_}});
  }
  return std::shared_ptr<void>(this, [this](void*) { --taken_; });
}

}  // namespace moetune::daemon::http
