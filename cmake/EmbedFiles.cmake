# moetune_embed(TARGET NAMESPACE HEADER FILES...) compiles text files into TARGET: HEADER declares, for each file,
# `extern const std::string_view NAME` in NAMESPACE, NAME being the file name with every odd character an underscore.
function(moetune_embed target namespace header)
  set(dir ${CMAKE_CURRENT_BINARY_DIR}/embedded)
  cmake_path(GET header STEM stem)
  set(source ${dir}/${stem}.cpp)
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ OUTPUT_VARIABLE files)
  list(JOIN files "|" joined)
  add_custom_command(
    OUTPUT ${source} ${dir}/${header}
    COMMAND ${CMAKE_COMMAND} -DNAMESPACE=${namespace} -DHEADER=${dir}/${header} -DSOURCE=${source} "-DFILES=${joined}"
            -P ${PROJECT_SOURCE_DIR}/cmake/embed_files.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/embed_files.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${source} ${dir}/${header})
  set_source_files_properties(${source} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  target_include_directories(${target} PRIVATE ${dir})
endfunction()
