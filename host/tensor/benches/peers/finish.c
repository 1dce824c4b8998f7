/* What FedAdam's step is measured against: one plain pass over memory with the same arithmetic.
 *
 * usage: finish ELEMENTS THREADS
 *
 * For each line on standard input, reads a global model, a momentum and a second moment in float32 and a mean in
 * float64, and writes the three new ones in float32 into memory that is fresh from the system, on THREADS threads. Prints
 * the nanoseconds that took, mapping that memory included, and an element of the new model.
 */
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static size_t elements, threads;
static float *global, *momentum, *moment, *new_global, *new_momentum, *new_moment;
static double *mean;

static void *step(void *argument) {
    size_t thread = (size_t)(uintptr_t)argument;
    size_t first = elements * thread / threads, end = elements * (thread + 1) / threads;
    for (size_t i = first; i < end; i++) {
        double m = 0.9 * (double)momentum[i] + (1.0 - 0.9) * mean[i];
        double v = 0.99 * (double)moment[i] + (1.0 - 0.99) * (mean[i] * mean[i]);
        double x = (double)global[i] + m / (sqrt(v) + 1e-3) * 0.1;
        new_global[i] = (float)x;
        new_momentum[i] = (float)m;
        new_moment[i] = (float)v;
    }
    return NULL;
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    elements = strtoull(arguments[1], NULL, 10);
    threads = strtoull(arguments[2], NULL, 10);
    global = malloc(elements * sizeof *global);
    momentum = malloc(elements * sizeof *momentum);
    moment = malloc(elements * sizeof *moment);
    mean = malloc(elements * sizeof *mean);
    pthread_t *workers = malloc(threads * sizeof *workers);
    if (!global || !momentum || !moment || !mean || !workers || threads == 0) return 1;
    for (size_t i = 0; i < elements; i++) {
        global[i] = (float)(i * 31 % 1000) / 1000.0f;
        mean[i] = (float)((i * 31 + 17) % 1000) / 1000.0f;
        momentum[i] = (float)((i * 31 + 34) % 1000) / 1000.0f;
        moment[i] = (float)((i * 31 + 51) % 1000) / 1000.0f;
    }
    for (char line[16]; fgets(line, sizeof line, stdin);) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        new_global = malloc(elements * sizeof *new_global);
        new_momentum = malloc(elements * sizeof *new_momentum);
        new_moment = malloc(elements * sizeof *new_moment);
        if (!new_global || !new_momentum || !new_moment) return 1;
        for (size_t thread = 0; thread < threads; thread++)
            if (pthread_create(&workers[thread], NULL, step, (void *)(uintptr_t)thread)) return 1;
        for (size_t thread = 0; thread < threads; thread++) pthread_join(workers[thread], NULL);
        clock_gettime(CLOCK_MONOTONIC, &end);
        long long taken = (end.tv_sec - start.tv_sec) * 1000000000LL + (end.tv_nsec - start.tv_nsec);
        printf("%lld %.17g\n", taken, (double)new_global[elements / 3]);
        fflush(stdout);
        free(new_global);
        free(new_momentum);
        free(new_moment);
    }
    return 0;
}
