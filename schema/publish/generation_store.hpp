#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "schema/error.hpp"
#include "schema/publish/disk.hpp"

namespace moetune::schema::publish {

/// The storage behind a published folder: DIR/.moetune holds a folder for each generation of files with its manifest,
/// and the symbolic link `current` to the one that counts. What engines open in DIR are links through `current`, so
/// that one rename changes all files and the manifest at the same moment, or none. Holds the folder's lock. Move-only,
/// not thread-safe; the disk outlives it.
class GenerationStore {
 public:
  /// Makes what is missing, waits some seconds for another process that publishes into the folder, and removes what
  /// killed ones left and the generations before the previous one. Errors: io; conflict when the other one does not
  /// end; data_damaged when `current` is not ours.
  static Result<GenerationStore> open(const std::filesystem::path& folder, const Disk& disk);
  GenerationStore(GenerationStore&& other) noexcept;
  GenerationStore& operator=(GenerationStore&&) = delete;
  /// Takes back a generation that was begun and not committed, and the whole store where none ever was.
  ~GenerationStore();

  /// What the link at DIR/PATH says: relative, through `current`.
  static std::string link_target(const std::string& path);
  /// The manifest of the current generation; nothing before the first.
  Result<std::optional<std::string>> manifest() const;
  /// Where the current generation keeps the file that engines see at DIR/PATH; nothing before the first.
  std::optional<std::filesystem::path> file(const std::string& path) const;

  /// Gives the current generation a file that it lacks, from elsewhere. Precondition: there is one. Errors: io.
  Result<void> shelter(const std::string& path, const std::filesystem::path& from);

  /// Begins the next generation. Errors: io.
  Result<void> begin();
  Result<void> add(const std::string& path, std::string_view bytes);
  /// Takes a file over from the current generation, with its time of change.
  Result<void> keep(const std::string& path);
  /// Makes the new generation the current one, durably. Errors: io; then nothing has changed.
  Result<void> commit(std::string_view manifest);

 private:
  GenerationStore(std::filesystem::path store, int lock, const Disk& disk);
  std::filesystem::path generation(std::int64_t number) const;
  Result<void> read_current();
  void remove_leftovers() const;
  /// Where the generation that is being built keeps a file; makes its folder.
  Result<std::filesystem::path> place_for(const std::string& path, std::int64_t number) const;

  std::filesystem::path store_;  ///< DIR/.moetune
  int lock_;
  const Disk* disk_;
  std::int64_t current_ = 0;  ///< 0: none yet
  bool is_new_ = false;       ///< no generation has ever been committed
  bool building_ = false;     ///< generation current_ + 1 has been begun
};

}  // namespace moetune::schema::publish
