// A disk that stalls under a real program, by LD_PRELOAD: while the file $STALL_FLAG exists, writes and syncs of files
// whose path begins with $STALL_FOLDER do not return; where $STALL_NAME is set, of those only whose path has it behind that.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int concerns(int descriptor) {
  const char* folder = getenv("STALL_FOLDER");
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (folder == NULL || size < 0) return 0;
  path[size] = 0;
  if (strncmp(path, folder, strlen(folder)) != 0) return 0;
  const char* name = getenv("STALL_NAME");
  return name == NULL || strstr(path + strlen(folder), name) != NULL;
}

static void stall(int descriptor) {
  const char* flag = getenv("STALL_FLAG");
  if (flag == NULL || access(flag, F_OK) != 0 || !concerns(descriptor)) return;
  while (access(flag, F_OK) == 0) usleep(5000);
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  static ssize_t (*real)(int, const void*, size_t);
  if (real == NULL) real = (ssize_t(*)(int, const void*, size_t))dlsym(RTLD_NEXT, "write");
  stall(descriptor);
  return real(descriptor, bytes, size);
}

#define STALLING(name)                                          \
  int name(int descriptor) {                                    \
    static int (*real)(int);                                    \
    if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, #name); \
    stall(descriptor);                                          \
    return real(descriptor);                                    \
  }
STALLING(fdatasync)
STALLING(fsync)
STALLING(syncfs)
