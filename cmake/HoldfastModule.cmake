# Headers that most files of the project include, parsed once: of the standard library and fmt for the sources, of
# GoogleTest too for the tests. A file still includes what it uses; HOLDFAST_PRECOMPILE=OFF builds without these.
add_library(holdfast_precompiled OBJECT "${PROJECT_SOURCE_DIR}/cmake/precompiled.cpp")
target_link_libraries(holdfast_precompiled PUBLIC fmt::fmt Threads::Threads)
if(HOLDFAST_PRECOMPILE)
  target_precompile_headers(holdfast_precompiled PRIVATE "${PROJECT_SOURCE_DIR}/cmake/precompiled.hpp")
endif()
if(HOLDFAST_TESTS)
  add_library(holdfast_precompiled_tests OBJECT "${PROJECT_SOURCE_DIR}/cmake/precompiled.cpp")
  target_link_libraries(holdfast_precompiled_tests PUBLIC fmt::fmt Threads::Threads GTest::gmock)
  if(HOLDFAST_PRECOMPILE)
    target_precompile_headers(holdfast_precompiled_tests PRIVATE "${PROJECT_SOURCE_DIR}/cmake/precompiled.hpp"
                                                                 <gmock/gmock.h> <gtest/gtest.h>)
  endif()
endif()

# holdfast_reuse_precompiled(TARGET FROM): a target of ours takes the headers of holdfast_precompiled or ..._tests.
function(holdfast_reuse_precompiled target from)
  if(HOLDFAST_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${from})
  endif()
endfunction()

# holdfast_add_tests(NAME [SHARDS n]): ctest runs the program NAME_test in n processes, each with every n-th of its tests,
# so that the longest programs do not decide how long all take.
function(holdfast_add_tests name)
  cmake_parse_arguments(arg "" "SHARDS" "" ${ARGN})
  set(timeout 300)
  if(CMAKE_CROSSCOMPILING_EMULATOR)
    set(timeout 3000)  # some ten times slower
  endif()
  if(NOT arg_SHARDS)
    add_test(NAME ${name} COMMAND ${name}_test)
    set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout})
    return()
  endif()
  math(EXPR last "${arg_SHARDS} - 1")
  foreach(shard RANGE ${last})
    add_test(NAME ${name}.${shard} COMMAND ${name}_test)
    set_tests_properties(${name}.${shard} PROPERTIES
      TIMEOUT ${timeout} ENVIRONMENT "GTEST_TOTAL_SHARDS=${arg_SHARDS};GTEST_SHARD_INDEX=${shard}")
  endforeach()
endfunction()

# What is not on the packet path is compiled at -Og, which costs the compiler a third less than -O2.
set(HOLDFAST_CONTROL_OPTIONS "$<$<CONFIG:Release>:-Og>")

# holdfast_module(NAME [CONTROL] DEPENDS modules... [LINK libraries...] [TEST_DEPENDS modules...] [TEST_SHARDS n])
#
# src/NAME becomes the library holdfast_NAME: every .cpp in it but *_test.cpp. The tests next to the
# code become the program NAME_test. CONTROL: not on the packet path.
function(holdfast_module name)
  cmake_parse_arguments(arg "CONTROL" "TEST_SHARDS" "DEPENDS;LINK;TEST_DEPENDS" ${ARGN})
  set(folder "${PROJECT_SOURCE_DIR}/src/${name}")
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cpp")
  file(GLOB protos CONFIGURE_DEPENDS "${folder}/*.proto")
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")

  set(target holdfast_${name})
  if(sources OR protos)
    set(scope PUBLIC)
    add_library(${target} STATIC ${sources} ${protos})
    if(arg_CONTROL)
      target_compile_options(${target} PRIVATE ${HOLDFAST_CONTROL_OPTIONS})
    endif()
    holdfast_reuse_precompiled(${target} holdfast_precompiled)
  else()
    set(scope INTERFACE)
    add_library(${target} INTERFACE)
  endif()
  target_include_directories(${target} ${scope} "${PROJECT_SOURCE_DIR}/src")
  list(TRANSFORM arg_DEPENDS PREPEND holdfast_)
  target_link_libraries(${target} ${scope} ${arg_DEPENDS} ${arg_LINK})
  if(protos)
    # Paths below generated/ are those from the root: src/NAME/x.pb.h, which we include as "NAME/x.pb.h".
    protobuf_generate(TARGET ${target} LANGUAGE cpp OUT_VAR generated PROTOC_OUT_DIR "${PROJECT_BINARY_DIR}/generated")
    target_include_directories(${target} SYSTEM PUBLIC "${PROJECT_BINARY_DIR}/generated"
                                                       "${PROJECT_BINARY_DIR}/generated/src")
    set_source_files_properties(${generated} PROPERTIES COMPILE_OPTIONS -w SKIP_PRECOMPILE_HEADERS ON)
    add_custom_target(generated DEPENDS ${generated})  # all that clang-tidy needs in addition to a configured build
  endif()

  if(HOLDFAST_TESTS AND tests)
    list(TRANSFORM arg_TEST_DEPENDS PREPEND holdfast_)
    add_executable(${name}_test ${tests})
    target_compile_options(${name}_test PRIVATE ${HOLDFAST_CONTROL_OPTIONS})
    holdfast_reuse_precompiled(${name}_test holdfast_precompiled_tests)
    target_link_libraries(${name}_test PRIVATE ${target} ${arg_TEST_DEPENDS} GTest::gmock GTest::gtest_main)
    holdfast_add_tests(${name} SHARDS ${arg_TEST_SHARDS})
  endif()
endfunction()

# holdfast_program(NAME source... LINK modules...)
function(holdfast_program name)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  list(TRANSFORM arg_LINK PREPEND holdfast_)
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
endfunction()
