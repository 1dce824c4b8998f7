// What the generated bindings have of their own, for native tests.
#include "load_balancer_plugin.h"

#include <stdlib.h>
#include <string.h>

void load_balancer_plugin_string_dup(load_balancer_plugin_string_t *copy, const char *text) {
  copy->len = strlen(text);
  copy->ptr = malloc(copy->len + 1);
  if (!copy->ptr) abort();
  memcpy(copy->ptr, text, copy->len);
}
