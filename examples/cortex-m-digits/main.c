/* main.c: recognizes hand-drawn digits on a bare Cortex-M4, with two networks compiled into the firmware. */
#include "evaluate.h"
#include "harness.h" /* the board: start-up, console, clock */

#include <string.h>

/* The networks call these around every layer, as they were compiled with --profile. */
static digits_costs counts;
static uint64_t started, hook_cost;

void dlc_profile_begin(const dlc_model *model, uint32_t layer) {
  (void)model, (void)layer;
  started = dlc_platform_clock();
}

void dlc_profile_end(const dlc_model *model, uint32_t layer) {
  uint64_t spent = dlc_platform_clock() - started;
  if (layer < DIGITS_MAX_LAYERS) /* keeps the last inference's */
    counts[network_index(model)][layer] = spent > hook_cost ? spent - hook_cost : 0;
}

/* Takes what the hooks themselves cost out of the counts that follow. */
static void measure_hooks(void) {
  dlc_profile_begin(digits_networks[0].model, 0);
  dlc_profile_end(digits_networks[0].model, 0);
  hook_cost = counts[0][0];
}

/* newlib's printf ends here. */
int _write(int file, const char *text, int length) {
  char line[128];
  (void)file;
  for (int done = 0; done < length;) {
    int n = length - done < (int)sizeof line - 1 ? length - done : (int)sizeof line - 1;
    memcpy(line, text + done, (size_t)n);
    line[n] = 0;
    dlc_platform_print(line);
    done += n;
  }
  return length;
}

int main(int argc, char **argv) {
  (void)argc, (void)argv;
  measure_hooks();
  int failed = evaluate(3);
  for (int n = 0; n < DIGITS_NETWORKS; n++)
    for (int i = 0; i < DIGITS_MAX_LAYERS; i++)
      counts[n][i] = dlc_platform_clock_convert(counts[n][i]);
  print_layers(counts, dlc_platform_clock_unit());
  return failed;
}
