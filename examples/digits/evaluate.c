/* evaluate.c: see evaluate.h. Prints integers only, as small C libraries leave %f out. */
#include "evaluate.h"
#include "testset.h"

#include <stdio.h>

enum { MAX_SHOWN = 8 };

static int argmax(const float *p) {
  int best = 0;
  for (int k = 1; k < DIGITS_CLASSES; k++)
    if (p[k] > p[best])
      best = k;
  return best;
}

/* The images side by side; two rows of pixels make a line, as characters are tall. */
static void print_images(int count) {
  for (int y = 0; y < DIGITS_SIZE; y += 2) {
    char line[MAX_SHOWN * (DIGITS_SIZE + 1) + 1];
    char *out = line;
    for (int i = 0; i < count; i++) {
      for (int x = 0; x < DIGITS_SIZE; x++) {
        int ink = (digits_images[i][y][x] + digits_images[i][y + 1][x]) / 2;
        *out++ = " .:-=+*#%@"[ink * 10 / 256];
      }
      *out++ = ' ';
    }
    *out = 0;
    puts(line);
  }
}

int evaluate(infer_fn infer, int shown) {
  static float image[DIGITS_SIZE * DIGITS_SIZE], probabilities[DIGITS_CLASSES];
  int predictions[MAX_SHOWN], percent[MAX_SHOWN];
  int right = 0, reference_right = 0, differ = 0;
  float worst = 0;
  if (shown > MAX_SHOWN)
    shown = MAX_SHOWN;

  for (int i = 0; i < DIGITS_COUNT; i++) {
    for (int k = 0; k < DIGITS_SIZE * DIGITS_SIZE; k++)
      image[k] = (float)digits_images[i][k / DIGITS_SIZE][k % DIGITS_SIZE] / 255.0f;
    dlc_status status = infer(image, probabilities);
    if (status != DLC_OK) {
      printf("image %d: %s\n", i, dlc_status_text(status));
      return 1;
    }
    int prediction = argmax(probabilities), reference = argmax(digits_expected[i]);
    right += prediction == digits_labels[i];
    reference_right += reference == digits_labels[i];
    differ += prediction != reference;
    for (int k = 0; k < DIGITS_CLASSES; k++) {
      float d = probabilities[k] - digits_expected[i][k];
      d = d < 0 ? -d : d;
      if (!(d <= worst)) /* a NaN counts as the worst */
        worst = d;
    }
    if (i < shown) {
      predictions[i] = prediction;
      percent[i] = (int)(probabilities[prediction] * 100.0f + 0.5f);
    }
  }

  print_images(shown);
  for (int i = 0; i < shown; i++)
    printf("%d, %3d%% (expected %d) ", predictions[i], percent[i], digits_labels[i]);
  if (shown)
    puts("");
  int close = worst <= 1e-4f;
  printf("%d of %d images right (reference: %d), %d other predictions than the reference\n", right, DIGITS_COUNT,
         reference_right, differ);
  if (close)
    printf("largest difference of a probability: %d e-9\n", (int)(worst * 1e9f));
  else
    puts("a probability is more than 0.0001 from the reference");
  return differ || !close;
}

void print_layers(const dlc_model *model, const uint64_t *costs, const char *unit) {
  uint64_t total = 0, macs = 0;
  for (uint32_t i = 0; i < model->n_layers; i++)
    total += costs[i];
  printf("%13s %5s %9s %6s  %s\n", unit, "share", "MACs", "/MAC", "layer");
  for (uint32_t i = 0; i < model->n_layers; i++) {
    const dlc_layer *layer = dlc_model_layer(model, i);
    unsigned long cost = (unsigned long)costs[i], n = (unsigned long)layer->macs;
    macs += layer->macs;
    printf("%13lu %4lu%% ", cost, total ? (unsigned long)(costs[i] * 100 / total) : 0);
    if (n)
      printf("%9lu %3lu.%02lu  ", n, cost / n, cost * 100 / n % 100);
    else
      printf("%9s %6s  ", "", "");
    printf("%s\n", layer->nodes ? layer->nodes : layer->name);
  }
  printf("%13lu  100%% %9lu         all layers\n", (unsigned long)total, (unsigned long)macs);
}
