// The host has checked the JSON against the plugin's schema before the plugin sees it. It is read with care all the
// same: what is no flat object of known numbers is refused by the name of its key.
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NUMBERS = 16, LONGEST_NUMBER = 64 };

typedef struct reader {
  const char *at;
  const char *end;
} reader_t;

bool config_is_positive(double value) { return isfinite(value) && value > 0; }

bool config_is_fraction(double value) { return value >= 0 && value < 1; }

// Whole, not negative, and small enough for a double to hold it exactly.
bool config_is_count(double value) { return value >= 0 && value <= 9007199254740992 && floor(value) == value; }

static void skip_space(reader_t *reader) {
  while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at) reader->at++;
}

static bool take(reader_t *reader, char wanted) {
  skip_space(reader);
  if (reader->at == reader->end || *reader->at != wanted) return false;
  reader->at++;
  return true;
}

// What stands between quotes; an escape is kept as it is written, and no key of ours has one.
static bool take_string(reader_t *reader, const char **text, size_t *length) {
  if (!take(reader, '"')) return false;
  *text = reader->at;
  while (reader->at < reader->end && *reader->at != '"') reader->at += *reader->at == '\\' ? 2 : 1;
  if (reader->at >= reader->end) return false;
  *length = (size_t)(reader->at - *text);
  reader->at++;
  return true;
}

static bool take_number(reader_t *reader, double *value) {
  char digits[LONGEST_NUMBER];
  size_t length = 0;
  skip_space(reader);
  while (reader->at < reader->end && *reader->at && strchr("+-.0123456789eE", *reader->at)) {
    if (length + 1 == sizeof digits) return false;
    digits[length++] = *reader->at++;
  }
  digits[length] = '\0';
  char *end;
  *value = strtod(digits, &end);
  return length > 0 && *end == '\0';
}

static const config_number_t *find(const config_number_t *numbers, size_t count, const char *key, size_t length) {
  for (size_t i = 0; i < count; i++) {
    if (strlen(numbers[i].key) == length && memcmp(numbers[i].key, key, length) == 0) return &numbers[i];
  }
  return NULL;
}

bool config_read(const uint8_t *text, size_t length, const config_number_t *numbers, size_t count, char *why,
                 size_t size) {
  reader_t reader = {(const char *)text, (const char *)text + length};
  double values[MOST_NUMBERS];
  if (count > MOST_NUMBERS) return snprintf(why, size, "more parameters than %d", MOST_NUMBERS), false;
  for (size_t i = 0; i < count; i++) values[i] = *numbers[i].value;

  if (!take(&reader, '{')) return snprintf(why, size, "this is no JSON object"), false;
  for (bool first = true; !take(&reader, '}'); first = false) {
    const char *key;
    size_t key_length;
    if ((!first && !take(&reader, ',')) || !take_string(&reader, &key, &key_length) || !take(&reader, ':')) {
      return snprintf(why, size, "this is no JSON object"), false;
    }
    const config_number_t *number = find(numbers, count, key, key_length);
    int shown = key_length < 80 ? (int)key_length : 80;
    if (!number) return snprintf(why, size, "`%.*s` is no parameter of this plugin", shown, key), false;
    double value;
    if (!take_number(&reader, &value)) return snprintf(why, size, "`%s` is no number", number->key), false;
    if (!number->allows(value)) {
      return snprintf(why, size, "`%s` is %g, but must be %s", number->key, value, number->allowed), false;
    }
    values[number - numbers] = value;
  }
  skip_space(&reader);
  if (reader.at != reader.end) return snprintf(why, size, "there is more after the JSON object"), false;

  for (size_t i = 0; i < count; i++) *numbers[i].value = values[i];
  return true;
}
