# dlc_add_model(): a library target from an ONNX model.
#
#   dlc_add_model(kws MODEL kws.onnx [NAME kws] [TARGET cortex-m4] [MCPU cpu] [MATTR features]
#                 [OPTIONS -Osize ...] [DEPENDS weights.bin ...])
#   target_link_libraries(firmware PRIVATE kws)
#
# makes the static library `kws`, which brings the include folder of the generated
# "<NAME>.h" and dlc::runtime along. NAME, the prefix of all generated symbols, defaults to the
# name of the target. TARGET defaults to the machine that this project is built for, where that is the host
# or AArch64 Linux. DEPENDS lists files that the model refers to. The target's property
# DLC_MANIFEST holds the path of the manifest (JSON).
function(dlc_add_model target)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "MODEL;NAME;TARGET;MCPU;MATTR" "OPTIONS;DEPENDS")
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "dlc_add_model(${target}): unknown arguments: ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT ARG_MODEL)
    message(FATAL_ERROR "dlc_add_model(${target}): MODEL is missing")
  endif()
  get_filename_component(model "${ARG_MODEL}" ABSOLUTE)
  if(NOT ARG_NAME)
    string(MAKE_C_IDENTIFIER "${target}" ARG_NAME)
  endif()
  if(NOT ARG_TARGET)
    if(NOT CMAKE_CROSSCOMPILING)
      set(ARG_TARGET host)
    elseif(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
      set(ARG_TARGET aarch64)
    else()
      message(FATAL_ERROR "dlc_add_model(${target}): say which TARGET to compile for"
        " ('${DLC_COMPILE} --list-targets' names them)")
    endif()
  endif()

  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${target}.dlc")
  set(prefix "${folder}/${ARG_NAME}")
  file(MAKE_DIRECTORY "${folder}")
  set(options --target=${ARG_TARGET})
  if(ARG_MCPU)
    list(APPEND options --mcpu=${ARG_MCPU})
  endif()
  if(ARG_MATTR)
    list(APPEND options --mattr=${ARG_MATTR})
  endif()
  add_custom_command(
    OUTPUT "${prefix}.o" "${prefix}.h" "${prefix}.json"
    COMMAND "${DLC_COMPILE}" "${model}" -o "${prefix}" --name=${ARG_NAME} --emit=obj,header,manifest
            ${options} ${ARG_OPTIONS}
    DEPENDS "${model}" "${DLC_COMPILE}" ${ARG_DEPENDS}
    COMMENT "Compiling ${ARG_MODEL} for ${ARG_TARGET}"
    VERBATIM)

  add_library(${target} STATIC "${prefix}.o" "${prefix}.h")
  set_source_files_properties("${prefix}.o" PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C DLC_MANIFEST "${prefix}.json")
  target_include_directories(${target} PUBLIC "${folder}")
  target_link_libraries(${target} PUBLIC dlc::runtime)
endfunction()
