#pragma once

#include <string>
#include <string_view>

#include "schema/engine_file.hpp"
#include "schema/error.hpp"

namespace moetune::schema {

/// The device of rows, from the driver's name for it: underscores for spaces, "NVIDIA_H200_NVL". Where spaces follow
/// each other or stand beside a '/', the engines go apart, and the name stays as it is.
std::string device_from_driver(std::string_view driver_name);

/// A device of rows as it stands in the names of an engine's files. SGLang (0.4.6 to 0.5.23) has the driver's name with
/// an underscore for every space. vLLM 0.33 has one underscore for each run of blanks and '/', and NVIDIA_H200 for
/// every name with the part H200; older ones have SGLang's spelling, apart from H200 since 0.16. Blanks are ASCII's.
/// Errors: invalid_argument for a name with which the engine would look in another folder, or for no file at all.
Result<std::string> device_in_file_name(EngineFormat engine, std::string_view device);

}  // namespace moetune::schema
