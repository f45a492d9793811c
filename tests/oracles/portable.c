/* Portable arithmetic as docs/arithmetic.md defines it, in C; build with -ffp-contract=off.
 *
 *   portable NAME SIZES... < inputs > results
 *
 * Inputs and results are arrays of raw numbers, one after another, in the order of the arguments of each function below.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double LN2_HIGH = 0.6931471803691238, LN2_LOW = 1.9082149292705877e-10;
static const double SHIFT = 6755399441055744.0;

static uint64_t bits(double x) { uint64_t u; memcpy(&u, &x, 8); return u; }
static double from_bits(uint64_t u) { double x; memcpy(&x, &u, 8); return x; }

static double factorial(int n) { double f = 1.0; for (int i = 2; i <= n; i++) f *= i; return f; }

static double series(double r) {
    double z = r * r, even = 1.0 / factorial(13), odd = 1.0 / factorial(12);
    for (int k = 11; k > 0; k -= 2) even = even * z + 1.0 / factorial(k);
    for (int k = 10; k > 0; k -= 2) odd = odd * z + 1.0 / factorial(k);
    return even + r * odd;
}

static double reduced(double x, double *power) {
    double shifted = x * 1.4426950408889634 + SHIFT, n = shifted - SHIFT;
    *power = from_bits((bits(shifted) + 1023) << 52);
    return (x - n * LN2_HIGH) - n * LN2_LOW;
}

static double exp64(double x) {
    if (x != x) return NAN;
    if (x < -708.0) return 0.0;
    if (x > 709.0) return INFINITY;
    double power, r = reduced(x, &power);
    return (r * series(r) + 1.0) * power;
}

static double log64(double x) {
    if (!(x >= 0.0)) return NAN;
    if (x == 0.0) return -INFINITY;
    if (x == INFINITY) return INFINITY;
    int tiny = x < 2.2250738585072014e-308, k = tiny ? -1077 : -1023;
    uint64_t u = bits(tiny ? x * 18014398509481984.0 : x) + (0x3FF0000000000000 - 0x3FE6A09E667F3BCD);
    double m = from_bits((u & 0xFFFFFFFFFFFFF) + 0x3FE6A09E667F3BCD), n = k + (int)(u >> 52);
    double s = (m - 1.0) / (m + 1.0), z = s * s, w = z * z, even = 1.0 / 19.0, odd = 1.0 / 21.0;
    for (int i = 15; i > 0; i -= 4) even = even * w + 1.0 / i;
    for (int i = 17; i > 1; i -= 4) odd = odd * w + 1.0 / i;
    double p = even + z * odd, twice = s + s;
    return n * LN2_HIGH + (twice + (twice * (z * p) + n * LN2_LOW));
}

static double tanh64(double x) {
    if (x != x) return NAN;
    double a = fabs(x), power;
    a = a < 20.0 ? a : 20.0;
    double r = reduced(a + a, &power), q = (r * series(r)) * power + (power - 1.0);
    return copysign(q / (q + 2.0), x);
}

static double sigmoid64(double x) { return 1.0 / (1.0 + exp64(-x)); }

static double quarter_turned(double x, uint64_t quarters) {
    if (!(fabs(x) <= 8388608.0)) return NAN;
    double shifted = x * 0.6366197723675814 + SHIFT, n = shifted - SHIFT;
    double r = ((x - n * 1.570796325802803) - n * 9.920935791635221e-10) - n * 5.170182981794105e-19;
    uint64_t turn = bits(shifted) + quarters;
    double z = r * r, y;
    if (turn & 1) {
        double p = 1.0 / factorial(16);
        for (int k = 14; k > 0; k -= 2) p = k % 4 ? p * z - 1.0 / factorial(k) : p * z + 1.0 / factorial(k);
        y = 1.0 + z * p;
    } else {
        double p = 1.0 / factorial(17);
        for (int k = 15; k > 1; k -= 2) p = k % 4 == 3 ? p * z - 1.0 / factorial(k) : p * z + 1.0 / factorial(k);
        y = r + r * (z * p);
    }
    return turn & 2 ? -y : y;
}

static double sin64(double x) { return quarter_turned(x, 0); }
static double cos64(double x) { return quarter_turned(x, 1); }

static double tree_sum(const double *term, int count) {
    double part[16] = {0};
    for (int i = 0; i < count; i++) part[i % 16] += term[i];
    for (int width = 8; width; width /= 2)
        for (int j = 0; j < width; j++) part[j] += part[j + width];
    return part[0];
}

static float tree_sum_of_products(const float *a, const float *b, int count) {
    float part[16] = {0};
    for (int i = 0; i < count; i++) part[i % 16] += a[i] * b[i];
    for (int width = 8; width; width /= 2)
        for (int j = 0; j < width; j++) part[j] += part[j + width];
    return part[0];
}

static void *take(size_t count, size_t size) {
    void *values = malloc(count * size + 1);
    if (!values || fread(values, size, count, stdin) != count) exit(2);
    return values;
}

static double largest(const float *x, int count) {
    double top = -INFINITY;
    for (int i = 0; i < count; i++) if (x[i] > top) top = x[i];
    return top;
}

/* x[rows][width] */
static void by_rows(const char *name, int rows, int width) {
    float *x = take((size_t)rows * width, 4), *y = malloc(4 * width);
    double *term = malloc(8 * width);
    for (int r = 0; r < rows; r++) {
        const float *row = x + (size_t)r * width;
        double top = largest(row, width);
        for (int i = 0; i < width; i++) term[i] = exp64((double)row[i] - top);
        double total = tree_sum(term, width), inverse = 1.0 / total, logarithm = log64(total);
        for (int i = 0; i < width; i++)
            y[i] = strcmp(name, "softmax") ? ((double)row[i] - top) - logarithm : term[i] * inverse;
        fwrite(y, 4, width, stdout);
    }
}

/* x[rows][inputs], weight[outputs][inputs] */
static void product(int rows, int inputs, int outputs) {
    float *x = take((size_t)rows * inputs, 4), *w = take((size_t)outputs * inputs, 4);
    for (int n = 0; n < rows; n++)
        for (int o = 0; o < outputs; o++) {
            float sum = 0.0f;
            for (int i = 0; i < inputs; i++) sum += x[(size_t)n * inputs + i] * w[(size_t)o * inputs + i];
            fwrite(&sum, 4, 1, stdout);
        }
}

/* q[rows][size], k[keys][size], v[keys][size], low[rows], high[rows] */
static void attend(int rows, int keys, int size) {
    float *q = take((size_t)rows * size, 4), *k = take((size_t)keys * size, 4), *v = take((size_t)keys * size, 4);
    int64_t *low = take(rows, 8), *high = take(rows, 8);
    float *score = malloc(4 * keys + 4), *y = malloc(4 * size);
    double *term = malloc(8 * keys + 8), scale = 1.0 / sqrt(size);
    for (int t = 0; t < rows; t++) {
        int count = high[t] - low[t];
        for (int s = 0; s < count; s++)
            score[s] = tree_sum_of_products(q + (size_t)t * size, k + (size_t)(low[t] + s) * size, size);
        double top = largest(score, count);
        for (int s = 0; s < count; s++) term[s] = exp64(((double)score[s] - top) * scale);
        double inverse = 1.0 / tree_sum(term, count);
        for (int i = 0; i < size; i++) {
            float sum = 0.0f;
            for (int s = 0; s < count; s++) sum += (float)term[s] * v[(size_t)(low[t] + s) * size + i];
            y[i] = (double)sum * inverse;
        }
        fwrite(y, 4, size, stdout);
    }
}

/* x[rows][size], cos[rows][half], sin[rows][half], gain */
static void align(int rows, int size, int half) {
    float *x = take((size_t)rows * size, 4), *cosine = take((size_t)rows * half, 4), *sine = take((size_t)rows * half, 4);
    float *gain = take(1, 4), *y = malloc(4 * size);
    double *wide = malloc(8 * size);
    for (int n = 0; n < rows; n++) {
        for (int i = 0; i < size; i++) wide[i] = (double)x[n * size + i] * (double)x[n * size + i];
        double factor = (double)*gain * (1.0 / sqrt(tree_sum(wide, size) / size + 0x1p-23));
        for (int i = 0; i < size; i++) wide[i] = (double)x[n * size + i] * factor;
        for (int i = 0; i < half; i++) {
            double c = cosine[n * half + i], s = sine[n * half + i];
            y[i] = wide[i] * c + wide[half + i] * s;
            y[half + i] = wide[half + i] * c - wide[i] * s;
        }
        for (int i = 2 * half; i < size; i++) y[i] = wide[i];
        fwrite(y, 4, size, stdout);
    }
}

int main(int count, char **argument) {
    static const struct { const char *name; double (*function)(double); } EACH[] = {
        {"exp", exp64}, {"log", log64}, {"tanh", tanh64}, {"sigmoid", sigmoid64}, {"sin", sin64}, {"cos", cos64}, {"sqrt", sqrt},
    };
    int size[3] = {0};
    for (int i = 2; i < count && i < 5; i++) size[i - 2] = atoi(argument[i]);
    for (size_t i = 0; i < sizeof EACH / sizeof *EACH; i++)
        if (!strcmp(argument[1], EACH[i].name)) {
            double *x = take(size[0], 8);
            for (int j = 0; j < size[0]; j++) x[j] = EACH[i].function(x[j]);
            return fwrite(x, 8, size[0], stdout) != (size_t)size[0];
        }
    if (!strcmp(argument[1], "product")) product(size[0], size[1], size[2]);
    else if (!strcmp(argument[1], "attend")) attend(size[0], size[1], size[2]);
    else if (!strcmp(argument[1], "align")) align(size[0], size[1], size[2]);
    else by_rows(argument[1], size[0], size[1]);
    return 0;
}
