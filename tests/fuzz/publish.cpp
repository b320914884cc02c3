// What a published folder's manifest says, and what a daemon hands to the command line to publish.
#include "schema/publish/manifest.hpp"
#include "schema/publish/publication.hpp"
#include "tests/fuzz/demand.hpp"
#include "tests/fuzz/target.hpp"

namespace moetune::fuzz {
namespace {

namespace publish = schema::publish;

void try_manifest(std::string_view input) {
  const auto manifest = publish::manifest_from_text(input, "it");
  if (!manifest) return demand_reason(manifest.error());
  for (const auto& [path, entry] : manifest->files) demand(publish::is_publishable(path), "paths stay in the folder");
  const auto again = publish::manifest_from_text(to_text(*manifest), "it");
  demand(again && again->files == manifest->files, "a manifest survives being written and read");
}

void try_publication(std::string_view input) {
  const auto value = nlohmann::ordered_json::parse(input, nullptr, false);
  if (value.is_discarded()) return;
  const auto publication = publish::publication_from_json(value);
  if (!publication) return demand_reason(publication.error());
  for (const auto& set : publication->sets) {
    demand(!set.files.empty(), "a set has files");
    for (const auto& file : set.files) demand(publish::is_publishable(file.path), "paths stay in the folder");
  }
  const auto again = publish::publication_from_json(to_json(*publication));
  demand(again && to_json(*again) == to_json(*publication), "a publication survives being written and read");
}

}  // namespace

void try_input(std::string_view input) {
  try_manifest(input);
  try_publication(input);
}

}  // namespace moetune::fuzz
