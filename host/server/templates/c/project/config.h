// Reading a configuration: a JSON object of numbers.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A parameter. Its value is the default until a configuration says otherwise.
typedef struct config_number {
  const char *key;
  double *value;
  // Whether a value is allowed, and what is, in words.
  bool (*allows)(double value);
  const char *allowed;
} config_number_t;

bool config_is_positive(double value);
bool config_is_fraction(double value);
bool config_is_count(double value);

// Reads `length` bytes of JSON into the `count` parameters. On failure no value has changed, and `why` says which key
// is wrong and what is allowed.
bool config_read(const uint8_t *text, size_t length, const config_number_t *numbers, size_t count, char *why,
                 size_t size);
