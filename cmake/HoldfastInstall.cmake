# Where the files of an installation go. The unit names /usr/bin/holdfast and /etc/holdfast, so the prefix is /usr; packages
# set it themselves.
include(GNUInstallDirs)
set(share "${PROJECT_BINARY_DIR}/share")
set(HOLDFAST_MAINTAINER "Holdfast maintainers <maintainers@holdfast.example>" CACHE STRING "who answers for the package")
set(HOLDFAST_HOMEPAGE "" CACHE STRING "URL of the project in the package; empty: none")

# Made by the program itself, so that they say what this program takes. When cross-building, CMake runs it by
# CMAKE_CROSSCOMPILING_EMULATOR.
function(holdfast_generate file)
  add_custom_command(OUTPUT "${share}/${file}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${share}"
    COMMAND holdfast ${ARGN} > "${share}/${file}"
    DEPENDS holdfast VERBATIM)
endfunction()
holdfast_generate(completion.bash completion bash)
holdfast_generate(completion.zsh completion zsh)
holdfast_generate(completion.fish completion fish)
holdfast_generate(holdfast.1 manual)
# Compressed, as Debian wants them. -n leaves out the time, so that the same source gives the same bytes.
find_program(GZIP_PROGRAM gzip REQUIRED)
function(holdfast_compress source file)
  add_custom_command(OUTPUT "${share}/${file}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${share}"
    COMMAND "${GZIP_PROGRAM}" -9 -n -c "${source}" > "${share}/${file}"
    DEPENDS "${source}" VERBATIM)
endfunction()
holdfast_compress("${share}/holdfast.1" holdfast.1.gz)
# The time is that of SOURCE_DATE_EPOCH, where it is set.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(packaging/debian/changelog.in "${share}/changelog" @ONLY)
holdfast_compress("${share}/changelog" changelog.gz)

# Part of `all`, which `cmake --install` expects to be built; but not where the program cannot run.
set(all ALL)
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  set(all "")
endif()
add_custom_target(holdfast_share ${all} DEPENDS
  "${share}/completion.bash" "${share}/completion.zsh" "${share}/completion.fish"
  "${share}/holdfast.1.gz" "${share}/changelog.gz")

# By target, not as a file: only so is it stripped in a package.
install(TARGETS holdfast RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(FILES packaging/systemd/holdfast.service DESTINATION lib/systemd/system)
install(FILES packaging/systemd/90-holdfast.conf DESTINATION lib/sysctl.d)
install(FILES packaging/holdfast.toml DESTINATION /etc/holdfast)
install(FILES "${share}/completion.bash" DESTINATION share/bash-completion/completions RENAME holdfast)
install(FILES "${share}/completion.zsh" DESTINATION share/zsh/vendor-completions RENAME _holdfast)
install(FILES "${share}/completion.fish" DESTINATION share/fish/vendor_completions.d RENAME holdfast.fish)
install(FILES "${share}/holdfast.1.gz" DESTINATION share/man/man1)
install(FILES packaging/prometheus/alerts.yml DESTINATION share/holdfast/prometheus)
install(FILES README.md CHANGELOG.md packaging/debian/copyright "${share}/changelog.gz" DESTINATION share/doc/holdfast)
install(DIRECTORY docs/ DESTINATION share/doc/holdfast/docs)
