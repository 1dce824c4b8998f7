// A double of the host, for native tests: models are short rows of numbers, computed with in memory.
#pragma once

#include "mean_delta.h"

// A model of `count` numbers.
parameters_t model(size_t count, const double *values);

// One of the numbers of a model.
double value_of(parameters_t model, size_t index);

// What a client that trained `base` to `sent` on so many examples sends.
fedwit_plugin_updates_own_update_t update(uint64_t num_examples, parameters_t sent, parameters_t base);
