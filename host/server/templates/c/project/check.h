// The few lines that tests need. Each test is a process of its own, as each instance of a plugin has a memory of its own.
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(holds)                                                      \
  do {                                                                    \
    if (!(holds)) {                                                       \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #holds); \
      exit(1);                                                            \
    }                                                                     \
  } while (0)

// How many tests failed.
static int failures = 0;

static inline void run_test(const char *name, void (*body)(void)) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    body();
    exit(0);
  }
  int status = 1;
  bool passed = child > 0 && waitpid(child, &status, 0) == child && status == 0;
  printf("%s: %s\n", passed ? "ok" : "FAILED", name);
  failures += !passed;
}

#define TEST(body) run_test(#body, body)
