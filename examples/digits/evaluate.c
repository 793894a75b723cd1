/* evaluate.c: see evaluate.h. Prints integers only, as small C libraries leave %f out. */
#include "evaluate.h"

#include <stdio.h>
#include <string.h>

enum { MAX_SHOWN = 8 };

typedef struct result {
  int predictions[MAX_SHOWN], percent[MAX_SHOWN];
  int right, reference_right, differ;
  float worst; /* distance of a probability from the reference's */
} result;

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
    char line[MAX_SHOWN * (DIGITS_SIZE + 1) + 16];
    char *out = line + sprintf(line, "%8s  ", "");
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

/* Returns whether the network ran on all images. */
static int classify_all(const digits_network *network, int shown, result *r) {
  memset(r, 0, sizeof *r);
  for (int i = 0; i < DIGITS_COUNT; i++) {
    float probabilities[DIGITS_CLASSES], expected[DIGITS_CLASSES];
    dlc_status status = network->classify(&digits_images[i][0][0], probabilities);
    if (status != DLC_OK) {
      printf("%s, image %d: %s\n", network->title, i, dlc_status_text(status));
      return 0;
    }
    for (int k = 0; k < DIGITS_CLASSES; k++) {
      expected[k] = network->expected(i, k);
      float d = probabilities[k] - expected[k];
      d = d < 0 ? -d : d;
      if (!(d <= r->worst)) /* a NaN counts as the worst */
        r->worst = d;
    }
    int prediction = argmax(probabilities), reference = argmax(expected);
    r->right += prediction == digits_labels[i];
    r->reference_right += reference == digits_labels[i];
    r->differ += prediction != reference;
    if (i < shown) {
      r->predictions[i] = prediction;
      r->percent[i] = (int)(probabilities[prediction] * 100.0f + 0.5f);
    }
  }
  return 1;
}

int evaluate(int shown) {
  result results[DIGITS_NETWORKS];
  int failed = 0;
  if (shown > MAX_SHOWN)
    shown = MAX_SHOWN;
  for (int n = 0; n < DIGITS_NETWORKS; n++)
    if (!classify_all(&digits_networks[n], shown, &results[n]))
      return 1;

  print_images(shown);
  for (int n = 0; n < DIGITS_NETWORKS && shown; n++) {
    printf("%8s  ", digits_networks[n].title);
    for (int i = 0; i < shown; i++)
      printf("%d, %3d%%               ", results[n].predictions[i], results[n].percent[i]);
    puts("");
  }
  printf("%8s  ", "expected");
  for (int i = 0; i < shown; i++)
    printf("%d                     ", digits_labels[i]);
  puts("\n");
  for (int n = 0; n < DIGITS_NETWORKS; n++) {
    const result *r = &results[n];
    printf("%s: %d of %d images right (reference: %d), %d other predictions than the reference; ",
           digits_networks[n].title, r->right, DIGITS_COUNT, r->reference_right, r->differ);
    int close = r->worst <= digits_networks[n].tolerance;
    if (close)
      printf("largest difference of a probability: %d e-9\n", (int)(r->worst * 1e9f));
    else
      puts("a probability is too far from the reference");
    failed |= r->differ || !close;
  }
  return failed;
}

int network_index(const dlc_model *model) {
  int n = 0;
  while (n < DIGITS_NETWORKS - 1 && digits_networks[n].model != model)
    n++;
  return n;
}

/* Neighbouring layers with one name: a row of the table. */
typedef struct row {
  const char *name;
  uint64_t cost, macs;
} row;

static int rows_of(const dlc_model *model, const uint64_t *costs, row *rows) {
  int count = 0;
  for (uint32_t i = 0; i < model->n_layers && i < DIGITS_MAX_LAYERS; i++) {
    const dlc_layer *layer = dlc_model_layer(model, i);
    if (!count || strcmp(rows[count - 1].name, layer->name) != 0)
      rows[count++] = (row){layer->name, 0, 0};
    rows[count - 1].cost += costs[i];
    rows[count - 1].macs += layer->macs;
  }
  return count;
}

/* One network's columns of a row; null leaves them empty. */
static void print_columns(const row *r) {
  if (!r) {
    printf("%13s %7s  ", "", "");
    return;
  }
  printf("%13lu ", (unsigned long)r->cost);
  if (r->macs)
    printf("%4lu.%02lu  ", (unsigned long)(r->cost / r->macs), (unsigned long)(r->cost * 100 / r->macs % 100));
  else
    printf("%7s  ", "");
}

static void print_row(const char *name, const row *a, const row *b) {
  print_columns(a);
  print_columns(b);
  uint64_t macs = a && a->macs ? a->macs : b ? b->macs : 0;
  if (macs)
    printf("%8lu  %s\n", (unsigned long)macs, name);
  else
    printf("%8s  %s\n", "", name);
}

void print_layers(digits_costs costs, const char *unit) {
  static row rows[DIGITS_NETWORKS][DIGITS_MAX_LAYERS];
  row total[DIGITS_NETWORKS];
  int count[DIGITS_NETWORKS], i = 0, j = 0;
  for (int n = 0; n < DIGITS_NETWORKS; n++) {
    count[n] = rows_of(digits_networks[n].model, costs[n], rows[n]);
    total[n] = (row){"all layers", 0, 0};
    for (int k = 0; k < count[n]; k++) {
      total[n].cost += rows[n][k].cost;
      total[n].macs += rows[n][k].macs;
    }
  }
  printf("%s for each layer:\n%13s %7s  %13s %7s  %8s  layer\n", unit, digits_networks[0].title, "/MAC",
         digits_networks[1].title, "/MAC", "MACs");
  /* Layers with equal names share a row; others stand where they run. */
  while (i < count[0] || j < count[1]) {
    const row *a = i < count[0] ? &rows[0][i] : 0, *b = j < count[1] ? &rows[1][j] : 0;
    int both = a && b && strcmp(a->name, b->name) == 0, later = 0;
    for (int k = j; a && !both && k < count[1]; k++)
      later |= strcmp(rows[1][k].name, a->name) == 0;
    int take_a = both || (a && !later), take_b = both || !take_a;
    print_row(take_a ? a->name : b->name, take_a ? a : 0, take_b ? b : 0);
    i += take_a;
    j += take_b;
  }
  print_row(total[0].name, &total[0], &total[1]);
}
