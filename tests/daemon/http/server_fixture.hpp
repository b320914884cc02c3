#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "daemon/http/server.hpp"
#include "daemon/kernel_cache.hpp"
#include "daemon/upload_store.hpp"
#include "db/database.hpp"
#include "tests/daemon/http/fake_sweeps.hpp"
#include "tests/daemon/http/raw_client.hpp"
#include "tests/kernels/temp_file.hpp"

namespace moetune::daemon::http {

/// A server on a free port over a real database, cache and upload store in a folder of its own; only the sweeps are
/// fake.
class ServerTest : public testing::Test {
 protected:
  ServerTest();

  /// Starts the server. Called by the test, which chooses the limits.
  void start(const Limits& limits = {});
  Services services();
  Options options(const Limits& limits = {}) const;

  using Fields = std::vector<std::pair<std::string, std::string>>;
  /// One request on a connection of its own. A body brings its length along.
  Reply request(std::string_view method, std::string_view target, const Fields& fields = {},
                std::string_view body = "");
  Reply get(std::string_view target) { return request("GET", target); }
  Reply post(std::string_view target, std::string_view body, std::string_view media = "application/json");
  /// Creates a sweep of the usual problem and returns its id.
  std::int64_t create_sweep();
  /// Stores `count` different rows.
  void import_rows(std::int64_t count);
  /// Stores `count` rows of 30 KB each.
  void import_heavy_rows(std::int64_t count);
  std::string metric(const std::string& name);

  kernels::testing::TempFolder folder_;
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<KernelCache> cache_;
  std::unique_ptr<UploadStore> uploads_;
  FakeSweeps sweeps_;
  std::unique_ptr<HttpServer> server_;
};

/// The bytes of a request with Host and, when there is a body, its length.
std::string request_text(std::string_view method, std::string_view target,
                         const std::vector<std::pair<std::string, std::string>>& fields = {},
                         std::string_view body = "");

inline constexpr std::string_view k_problem = R"({"E":256,"N":512,"hidden_size":2048,"topk":8,"dtype":"fp8_w8a8",)"
                                              R"("block_shape":[128,128]})";

}  // namespace moetune::daemon::http
