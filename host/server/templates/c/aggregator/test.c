// Native tests of the rule.
#include <math.h>
#include <string.h>

#include "check.h"
#include "double.h"

static plugin_error_t error;

static parameters_t number(double value) { return model(1, &value); }

static bool begin(const char *config, parameters_t global_model) {
  exports_fedwit_plugin_aggregator_context_t context = {.round = 1, .global_model = global_model};
  aggregator_plugin_string_dup(&context.config, config);
  return exports_fedwit_plugin_aggregator_begin(&context, &error);
}

static bool add(uint64_t num_examples, double sent, double base) {
  return exports_fedwit_plugin_aggregator_add(update(num_examples, number(sent), number(base)), &error);
}

static double finish(void) {
  exports_fedwit_plugin_aggregator_outcome_t outcome;
  CHECK(exports_fedwit_plugin_aggregator_finish(&outcome, &error));
  return value_of(outcome.model, 0);
}

static bool refused(const char *config, const char *key) {
  char why[200] = "";
  CHECK(!begin(config, number(0)) && error.tag == FEDWIT_PLUGIN_TYPES_ERROR_INVALID_CONFIG);
  memcpy(why, error.val.invalid_config.ptr, error.val.invalid_config.len);
  return strstr(why, key) != NULL;
}

static void clients_weigh_by_their_examples(void) {
  CHECK(begin("{}", number(1)));
  CHECK(add(10, 2, 1));
  CHECK(add(30, 6, 1));
  CHECK(fabs(finish() - 5) < 1e-12);
}

static void a_learning_rate_scales_the_step(void) {
  CHECK(begin("{\"learning_rate\": 0.5}", number(1)));
  CHECK(add(10, 3, 1));
  CHECK(fabs(finish() - 2) < 1e-12);
}

static void a_share_counts_by_its_weight(void) {
  // What another instance would hand up: the mean of updates on 30 examples.
  exports_fedwit_plugin_aggregator_named_parameters_t set = {.value = number(4)};
  aggregator_plugin_string_dup(&set.name, "mean_delta");
  share_t share = {.parameters = {&set, 1}, .weight = 30, .updates = 2};
  CHECK(begin("{}", number(1)));
  CHECK(add(10, 1, 1));
  CHECK(exports_fedwit_plugin_aggregator_merge(&share, &error));
  CHECK(fabs(finish() - 4) < 1e-12);
}

static void a_share_is_handed_up(void) {
  CHECK(begin("{}", number(1)));
  CHECK(add(10, 2, 1));
  CHECK(add(30, 6, 1));
  share_t share;
  CHECK(exports_fedwit_plugin_aggregator_partial(&share, &error));
  CHECK(share.weight == 40 && share.updates == 2 && share.parameters.len == 1);
  CHECK(fabs(value_of(share.parameters.ptr[0].value, 0) - 4) < 1e-12);
}

static void what_is_rejected_leaves_no_weight(void) {
  CHECK(begin("{}", number(0)));
  CHECK(add(1, 1, 0));
  parameters_t wide = model(2, (double[]){9, 9});
  CHECK(!exports_fedwit_plugin_aggregator_add(update(99, wide, wide), &error));
  CHECK(error.tag == FEDWIT_PLUGIN_TYPES_ERROR_REJECTED);
  share_t foreign = {.weight = 99, .updates = 5};
  CHECK(!exports_fedwit_plugin_aggregator_merge(&foreign, &error));
  CHECK(error.tag == FEDWIT_PLUGIN_TYPES_ERROR_REJECTED);
  CHECK(fabs(finish() - 1) < 1e-12);
}

static void a_round_without_updates_fails(void) {
  exports_fedwit_plugin_aggregator_outcome_t outcome;
  CHECK(begin("{}", number(0)));
  CHECK(!exports_fedwit_plugin_aggregator_finish(&outcome, &error));
  CHECK(error.tag == FEDWIT_PLUGIN_TYPES_ERROR_FAILED);
}

static void a_configuration_that_is_wrong_is_refused_by_its_key(void) {
  CHECK(refused("{\"learning_rate\": 0}", "learning_rate"));
  CHECK(refused("{\"learning_rate\": \"fast\"}", "learning_rate"));
  CHECK(refused("{\"momentum\": 1}", "momentum"));
  CHECK(refused("[1]", "object"));
  CHECK(refused("{\"learning_rate\": 1} 2", "more"));
}

static void nothing_is_done_before_the_beginning(void) {
  CHECK(!add(1, 1, 0) && error.tag == FEDWIT_PLUGIN_TYPES_ERROR_FAILED);
}

int main(void) {
  TEST(clients_weigh_by_their_examples);
  TEST(a_learning_rate_scales_the_step);
  TEST(a_share_counts_by_its_weight);
  TEST(a_share_is_handed_up);
  TEST(what_is_rejected_leaves_no_weight);
  TEST(a_round_without_updates_fails);
  TEST(a_configuration_that_is_wrong_is_refused_by_its_key);
  TEST(nothing_is_done_before_the_beginning);
  return failures > 0;
}
