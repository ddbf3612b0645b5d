/* Do the builds of this bundle answer here as they did at home? Written from contract.h alone, through OpenVINO's C
 * API, which reads its own files, ONNX and TFLite. Also an example of how to feed a build from C.
 *
 *   cc -std=c99 -I BUNDLE -I OPENVINO/include -o selftest BUNDLE/tools/selftest_openvino.c OPENVINO/lib...openvino_c.so
 *   ./selftest BUNDLE [BUILD]
 *
 * golden/golden.txt lists builds, frames and expected answers, pictures are PPM, maps of boxes raw float32 as they leave
 * the build (little-endian, as this machine must be): nothing else has to be parsed.
 * Says a line for each frame. Exit code: 0 all within the tolerance, 1 one is not, 2 something can't be read,
 * 69 nothing was run.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openvino/c/openvino.h>

#include "contract.h"

enum { PASS = 0, DIFFERS = 1, USAGE = 2, NOTHING = 69, LONGEST = 1024 };

struct picture {
    uint32_t height, width;
    uint8_t *rgb;
};

static void die(const char *what, const char *name) {
    fprintf(stderr, "error: %s: %s\n", name, what);
    exit(USAGE);
}

static void *memory(size_t size) {
    void *made = calloc(size ? size : 1, 1);
    if (made == NULL) die("out of memory", "selftest");
    return made;
}

static void ask(ov_status_e status, const char *name) {
    if (status != OK) die(ov_get_error_info(status), name);
}

static char *path_in(const char *bundle, const char *name) {
    char *path = memory(strlen(bundle) + strlen(name) + 2);
    sprintf(path, "%s/%s", bundle, name);
    return path;
}

static struct picture read_ppm(const char *bundle, const char *name) {
    char *path = path_in(bundle, name);
    FILE *file = fopen(path, "rb");
    struct picture read = {0, 0, NULL};
    unsigned width, height;
    size_t size;
    if (file == NULL) die("can't open it", path);
    if (fscanf(file, "P6 %u %u 255", &width, &height) != 2 || fgetc(file) != '\n' || width > 65535 || height > 65535)
        die("not a PPM of 8 bit", path);
    read.height = height;
    read.width = width;
    size = (size_t)height * width * 3u;
    read.rgb = memory(size);
    if (fread(read.rgb, 1, size, file) != size) die("shorter than it says", path);
    fclose(file);
    free(path);
    return read;
}

static void shape_of(const struct compress_tensor *tensor, uint32_t tall, uint32_t wide, int64_t *shape) {
    int i, high = tensor->layout == COMPRESS_NCHW ? 2 : 1;
    for (i = 0; i < 4; i++) shape[i] = tensor->shape[i];
    shape[high] = tall;
    shape[high + 1] = wide;
}

static ov_element_type_e type_of(const struct compress_tensor *tensor) {
    if (tensor->dtype == COMPRESS_FLOAT32) return F32;
    return tensor->dtype == COMPRESS_INT8 ? I8 : U8;
}

/* What the build makes of the picture `given`: into `answer`, or where that is NULL its maps, `size` floats, into
 * `floats`. */
static void run(const struct compress_build *build, const char *bundle, struct picture given, uint8_t *answer,
                float *floats, size_t size) {
    char *path = path_in(bundle, build->files[0]);
    ov_core_t *core = NULL;
    ov_model_t *model = NULL;
    ov_compiled_model_t *compiled = NULL;
    ov_infer_request_t *request = NULL;
    ov_tensor_t *in = NULL, *out = NULL;
    ov_partial_shape_t fixed;
    ov_shape_t shape;
    int64_t sides[4];
    uint32_t tall, wide;
    size_t found;
    void *elements;
    if (!compress_tensor_size(build, given.height, given.width, &tall, &wide)) die("the frame does not fit", path);
    ask(ov_core_create(&core), "OpenVINO");
    ask(ov_core_read_model(core, path, NULL, &model), path);
    shape_of(&build->input, tall, wide, sides);
    if (build->height == 0) { /* OpenVINO 2026.4 answers wrongly on such a build while its sides are free: fix them */
        ask(ov_partial_shape_create_static(4, sides, &fixed), path);
        ask(ov_model_reshape_single_input(model, fixed), path);
        ov_partial_shape_free(&fixed);
    }
    ask(ov_core_compile_model(core, model, "CPU", 2, &compiled, "INFERENCE_PRECISION_HINT", "f32"), path);
    ask(ov_compiled_model_create_infer_request(compiled, &request), path);
    ask(ov_shape_create(4, sides, &shape), path);
    ask(ov_tensor_create(type_of(&build->input), shape, &in), path);
    ask(ov_tensor_data(in, &elements), path);
    if (compress_fill(build, given.rgb, given.height, given.width, elements) != 0) die("can't be fed", path);
    ask(ov_infer_request_set_input_tensor(request, in), path);
    ask(ov_infer_request_infer(request), path);
    ask(ov_infer_request_get_tensor(request, answer != NULL ? build->output.name : "maps", &out), path);
    ask(ov_tensor_data(out, &elements), path);
    if (answer == NULL) {
        ask(ov_tensor_get_byte_size(out, &found), path);
        if (found != size * sizeof *floats) die("answers maps of another size", path);
        memcpy(floats, elements, found);
    } else if (compress_read(build, elements, given.height, given.width, answer) != 0) {
        die("answers no picture", path);
    }
    ov_tensor_free(out);
    ov_tensor_free(in);
    ov_shape_free(&shape);
    ov_infer_request_free(request);
    ov_compiled_model_free(compiled);
    ov_model_free(model);
    ov_core_free(core);
    free(path);
}

/* Whether the answer is the expected picture within the tolerance; says so. */
static int compare(const char *build, const char *frame, struct picture expected, const uint8_t *answer,
                   double min_psnr_db, int max_abs_codes) {
    size_t i, size = (size_t)expected.height * expected.width * 3u;
    double sum = 0.0, psnr_db;
    int most = 0, good;
    for (i = 0; i < size; i++) {
        int apart = abs((int)expected.rgb[i] - (int)answer[i]);
        sum += (double)apart * apart;
        if (apart > most) most = apart;
    }
    psnr_db = sum > 0.0 ? 10.0 * log10(65025.0 * (double)size / sum) : HUGE_VAL;
    good = psnr_db >= min_psnr_db && most <= max_abs_codes;
    printf("%s: %s, %s: %.1f dB, at most %d codes (allowed: %.1f dB, %d codes)\n", good ? "pass" : "DIFFERS", build,
           frame, psnr_db, most, min_psnr_db, max_abs_codes);
    return good;
}

/* The same of maps, which are held against the floats in the file `output`. */
static int compare_maps(const struct compress_build *build, const char *bundle, const char *frame, const char *output,
                        struct picture given, double min_snr_db) {
    char *path = path_in(bundle, output);
    FILE *file = fopen(path, "rb");
    float *expected, *answer;
    double power = 0.0, error = 0.0, snr_db;
    long length;
    size_t i, size;
    int good;
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (length = ftell(file)) < 4) die("can't read it", path);
    size = (size_t)length / sizeof *expected;
    expected = memory(size * sizeof *expected);
    answer = memory(size * sizeof *answer);
    rewind(file);
    if (fread(expected, sizeof *expected, size, file) != size) die("can't read it", path);
    fclose(file);
    run(build, bundle, given, NULL, answer, size);
    for (i = 0; i < size; i++) {
        power += (double)expected[i] * expected[i];
        error += ((double)expected[i] - answer[i]) * ((double)expected[i] - answer[i]);
    }
    snr_db = error != 0.0 ? 10.0 * log10(power / error) : HUGE_VAL; /* NaN is below every limit */
    good = snr_db >= min_snr_db;
    printf("%s: %s, %s: maps %.1f dB (allowed: %.1f dB)\n", good ? "pass" : "DIFFERS", build->name, frame, snr_db,
           min_snr_db);
    free(answer);
    free(expected);
    free(path);
    return good;
}

static int is_maps(const char *name) {
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".f32") == 0;
}

static int is_readable(const struct compress_build *build) {
    return strcmp(build->runtime, "openvino") == 0 || strcmp(build->runtime, "onnx") == 0 ||
           strcmp(build->runtime, "tflite") == 0;
}

int main(int count, char **words) {
    char name[LONGEST], input[LONGEST], output[LONGEST], line[LONGEST], *path;
    int max_abs_codes, tried = 0, good = 0;
    double min_psnr_db, min_snr_db = HUGE_VAL;
    FILE *list;
    if (count < 2 || count > 3) die("usage: selftest BUNDLE [BUILD]", words[0]);
    path = path_in(words[1], "golden/golden.txt");
    list = fopen(path, "r");
    if (list == NULL || fgets(line, sizeof line, list) == NULL ||
        sscanf(line, "tolerance %lf %d %lf", &min_psnr_db, &max_abs_codes, &min_snr_db) < 2)
        die("no list", path);
    while (fscanf(list, "%1023s %1023s %1023s", name, input, output) == 3) {
        const struct compress_build *build = compress_build_named(name);
        struct picture given, expected;
        uint8_t *answer;
        if (build == NULL) die("contract.h has no such build; is it this bundle's?", name);
        if (!is_readable(build) || (count == 3 && strcmp(words[2], name) != 0)) continue;
        given = read_ppm(words[1], input);
        if (is_maps(output)) {
            good += compare_maps(build, words[1], input, output, given, min_snr_db);
            tried++;
            free(given.rgb);
            continue;
        }
        expected = read_ppm(words[1], output);
        if (given.height * build->scale != expected.height || given.width * build->scale != expected.width)
            die("not of the frame's size", output);
        answer = memory((size_t)expected.height * expected.width * 3u);
        run(build, words[1], given, answer, NULL, 0);
        good += compare(name, input, expected, answer, min_psnr_db, max_abs_codes);
        tried++;
        free(answer);
        free(given.rgb);
        free(expected.rgb);
    }
    fclose(list);
    free(path);
    if (tried == 0) return NOTHING;
    return good == tried ? PASS : DIFFERS;
}
