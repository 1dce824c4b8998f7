/* What a fold is measured against: a plain blocked loop with the same sums.
 *
 * usage: fold ELEMENTS UPDATES THREADS
 *
 * For each line on standard input, folds the difference of UPDATES float32 models of ELEMENTS elements to another into a
 * running weighted mean in float64, all of them while a block of it is in the cache, on THREADS threads. Prints the
 * nanoseconds that took and an element of the mean.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCK = 2048 };

static size_t elements, updates, threads;
static float **models, *global;
static double *mean;

static void *fold(void *argument) {
    size_t thread = (size_t)(uintptr_t)argument;
    size_t blocks = (elements + BLOCK - 1) / BLOCK;
    size_t first = blocks * thread / threads * BLOCK;
    size_t end = blocks * (thread + 1) / threads * BLOCK;
    if (end > elements) end = elements;
    for (size_t block = first; block < end; block += BLOCK) {
        size_t stop = block + BLOCK < end ? block + BLOCK : end;
        double total = 0;
        for (size_t update = 0; update < updates; update++) {
            double weight = (double)(update + 1);
            total += weight;
            double rate = weight / total;
            const float *model = models[update];
            for (size_t i = block; i < stop; i++)
                mean[i] += rate * (((double)model[i] - (double)global[i]) - mean[i]);
        }
    }
    return NULL;
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    elements = strtoull(arguments[1], NULL, 10);
    updates = strtoull(arguments[2], NULL, 10);
    threads = strtoull(arguments[3], NULL, 10);
    models = malloc(updates * sizeof *models);
    global = malloc(elements * sizeof *global);
    mean = malloc(elements * sizeof *mean);
    pthread_t *workers = malloc(threads * sizeof *workers);
    if (!models || !global || !mean || !workers || threads == 0) return 1;
    for (size_t update = 0; update < updates; update++) {
        models[update] = malloc(elements * sizeof **models);
        if (!models[update]) return 1;
        for (size_t i = 0; i < elements; i++) models[update][i] = (float)((i * 31 + update * 17) % 1000) / 1000.0f;
    }
    for (size_t i = 0; i < elements; i++) global[i] = (float)((i * 31 + updates * 17) % 1000) / 1000.0f;
    for (char line[16]; fgets(line, sizeof line, stdin);) {
        for (size_t i = 0; i < elements; i++) mean[i] = 0;
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (size_t thread = 0; thread < threads; thread++)
            if (pthread_create(&workers[thread], NULL, fold, (void *)(uintptr_t)thread)) return 1;
        for (size_t thread = 0; thread < threads; thread++) pthread_join(workers[thread], NULL);
        clock_gettime(CLOCK_MONOTONIC, &end);
        long long taken = (end.tv_sec - start.tv_sec) * 1000000000LL + (end.tv_nsec - start.tv_nsec);
        printf("%lld %.17g\n", taken, mean[elements / 3]);
        fflush(stdout);
    }
    return 0;
}
