#pragma once

#include <compare>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "schema/error.hpp"

namespace moetune::kernels {

using schema::Result;

/// A header that the source includes by name; it need not exist as a file.
struct SourceHeader {
  std::string name;
  std::string text;
};

/// One run of the compiler.
struct CompileRequest {
  std::string name;  ///< stands in messages, e.g. "moe_gemm.cu"
  std::string source;
  std::vector<SourceHeader> headers;
  std::vector<std::string> options;  ///< without the architecture
  std::string arch;                  ///< e.g. "sm_90a"
};

enum class CompileStatus {
  ok,
  compile_error,      ///< the compiler refused the source; the log says why
  out_of_resources,   ///< ptxas: too much shared memory or too many registers
  compiler_internal,  ///< the compiler says that it failed itself (out of memory, internal error, missing builtins)
};

/// What came out. A failed compile is a result, not an Error.
struct CompileOutcome {
  CompileStatus status = CompileStatus::ok;
  std::vector<std::byte> cubin;  ///< machine code, empty unless ok
  std::string ptx;               ///< empty unless ok
  std::string log;               ///< what the compiler printed, warnings included
};

/// NVIDIA's run-time compiler, opened with dlopen. Stateless apart from the open library; compile() may be called from
/// several threads. It can crash or hang on bad input: run it in a process that may end.
class Nvrtc {
 public:
  struct Version {
    int major = 0;
    int minor = 0;
    auto operator<=>(const Version&) const = default;
  };

  /// Looks in this order: the file named by MOETUNE_NVRTC (nothing else if it is set), the loader's path
  /// (libnvrtc.so.13, .12), CUDA_HOME, /usr/local/cuda, and the wheels in a .venv beside or above the executable.
  /// Errors: unavailable with the list of places.
  static Result<Nvrtc> open();
  /// Opens exactly this file.
  static Result<Nvrtc> open(const std::filesystem::path& library);

  const Version& version() const { return version_; }
  /// "nvrtc 13.0": what the key of a compiled artifact and the rows of trials carry.
  std::string compiler_text() const;
  /// Where the library came from.
  const std::string& library() const { return library_; }
  /// The architectures it compiles for, as numbers (90 for sm_90), ascending.
  Result<std::vector<int>> architectures() const;

  /// Errors: only when NVRTC could not be asked at all; see CompileOutcome for the rest.
  Result<CompileOutcome> compile(const CompileRequest& request) const;

 private:
  struct Api;
  Nvrtc() = default;
  std::shared_ptr<const Api> api_;
  Version version_;
  std::string library_;
};

}  // namespace moetune::kernels
