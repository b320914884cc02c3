#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace moetune::cli {

/// A folder of a test's own that goes with it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  /// Writes a file in it and returns its path.
  std::filesystem::path file(const std::string& name, const std::string& bytes) const;

 private:
  std::filesystem::path path_;
};

std::string read_file(const std::filesystem::path& path);

/// A program under test with its output caught: in pipes, or on a pseudo-terminal of the given size.
class Program {
 public:
  struct Options {
    std::map<std::string, std::string> environment;  ///< added to PATH and HOME
    bool terminal = false;                           ///< stdout and stderr are one terminal
    unsigned short columns = 80;
    unsigned short rows = 24;
  };
  Program(const std::vector<std::string>& words, const Options& options);
  ~Program();  ///< kills it if it still runs
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Reads until what came so far contains `text`; false when the program ends or half a minute passes first.
  bool wait_for(const std::string& text);
  void send(int signal) const;
  void resize(unsigned short columns, unsigned short rows) const;
  /// No more is read from it: its next write meets a closed pipe.
  void close_output();
  /// Reads to the end and returns the exit status, 128 + signal when a signal ended it.
  int finish();
  pid_t pid() const { return pid_; }
  /// On a terminal everything is here.
  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }

 private:
  bool read_some(int timeout_ms);

  pid_t pid_ = -1;
  int out_fd_ = -1;
  int err_fd_ = -1;
  std::string out_;
  std::string err_;
};

}  // namespace moetune::cli
