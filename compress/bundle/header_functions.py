"""The part of ``contract.h`` that is the same in every bundle: types, and the formulas of ``feeding`` in C99."""

from __future__ import annotations

TYPES = """
enum compress_dtype { COMPRESS_FLOAT32, COMPRESS_UINT8, COMPRESS_INT8 };
enum compress_layout { COMPRESS_NCHW, COMPRESS_NHWC };
enum compress_colour_order { COMPRESS_RGB, COMPRESS_BGR };

/* One end of a build. shape is in layout order; 0 stands for a free side, and size_bytes is 0 then. alignment_bytes
 * is what a buffer of your own needs that the runtime shall use without copying. scale and zero_point hold where
 * has_scale is 1: value = (element - zero_point) * scale. */
struct compress_tensor {
    const char *name;
    enum compress_dtype dtype;
    enum compress_layout layout;
    enum compress_colour_order colour_order;
    uint32_t shape[4];
    uint32_t height;
    uint32_t width;
    uint32_t element_bytes;
    uint32_t alignment_bytes;
    uint64_t size_bytes;
    double low;
    double high;
    int has_scale;
    double scale;
    int32_t zero_point;
};

/* One build. The main file comes first. height, width: 0 where free, then multiples of size_multiple.
 * halo_px: what local layers see around a pixel, -1: unknown; tiles_exact 0: a frame cut into tiles is answered
 * otherwise than as a whole, whatever the halo. Bytes of memory are -1 where unknown; their origin is counted,
 * estimated or unknown. scale: height and width of the answer over those of the picture, 1 for most. */
struct compress_build {
    const char *name;
    const char *runtime;
    const char *variant;
    const char *files[12];
    uint32_t file_count;
    uint64_t size_bytes;
    uint32_t height;
    uint32_t width;
    uint32_t size_multiple;
    struct compress_tensor input;
    struct compress_tensor output;
    int32_t halo_px;
    int tiles_exact;
    uint32_t tile_start_multiple;
    int64_t weights_bytes;
    const char *weights_origin;
    int64_t peak_bytes;
    const char *peak_origin;
    uint32_t scale;
};
"""

FUNCTIONS = """
/* The bits of the float32 nearest to p / 255. */
static inline uint32_t compress_f32_bits_from_u8(uint8_t p)
{
    uint32_t shift = 23u, q;
    if (p == 0u)
        return 0u;
    while (((uint32_t)p << shift) < (UINT32_C(255) << 23))
        shift++;
    q = (((uint32_t)p << shift) + 127u) / 255u;
    return ((150u - shift) << 23) | (q & UINT32_C(0x7fffff));
}

/* The value / 2**places, half to even; places is 1 to 63. */
static inline uint64_t compress_round_half_even(uint64_t value, uint32_t places)
{
    uint64_t whole = value >> places, rest = value & ((UINT64_C(1) << places) - 1u);
    uint64_t half = UINT64_C(1) << (places - 1u);
    return whole + ((rest > half || (rest == half && (whole & 1u) != 0u)) ? 1u : 0u);
}

/* clamp(round_half_even(float32(t * 255)), 0, 255) of the float32 t with these bits; -1 for NaN and infinity. */
static inline int compress_u8_from_f32_bits(uint32_t bits)
{
    uint32_t exponent = (bits >> 23) & 255u, places;
    uint64_t product;
    if (exponent == 255u)
        return -1;
    if ((bits >> 31) != 0u || exponent < 118u) /* negative, or below 1/512 */
        return 0;
    if (exponent >= 127u) /* 1 and more */
        return 255;
    product = (uint64_t)((bits & UINT32_C(0x7fffff)) | UINT32_C(0x800000)) * 255u;
    places = product >= UINT64_C(0x80000000) ? 8u : 7u; /* to the 24 bits of a float32 */
    product = compress_round_half_even(product, places) << places;
    return (int)compress_round_half_even(product, 150u - exponent);
}

static inline int8_t compress_i8_from_u8(uint8_t p) { return (int8_t)((int)p - 128); }
static inline uint8_t compress_u8_from_i8(int8_t t) { return (uint8_t)((int)t + 128); }

/* A side rounded up to a multiple. */
static inline uint32_t compress_padded(uint32_t side, uint32_t multiple)
{
    return (side + multiple - 1u) / multiple * multiple;
}

/* Height and width of the tensor for a picture; 0 where the picture does not fit the build. */
static inline int compress_tensor_size(const struct compress_build *build, uint32_t height, uint32_t width,
                                       uint32_t *tall, uint32_t *wide)
{
    *tall = compress_padded(height, build->size_multiple);
    *wide = compress_padded(width, build->size_multiple);
    if (height == 0u || width == 0u)
        return 0;
    return build->height == 0u || (build->height == *tall && build->width == *wide);
}

/* Which element holds colour c (0 red, 1 green, 2 blue) of row y and column x, in a tensor of tall x wide. */
static inline size_t compress_place(const struct compress_tensor *tensor, uint32_t tall, uint32_t wide, uint32_t y,
                                    uint32_t x, uint32_t c)
{
    if (tensor->colour_order == COMPRESS_BGR)
        c = 2u - c;
    if (tensor->layout == COMPRESS_NCHW)
        return ((size_t)c * tall + y) * wide + x;
    return ((size_t)y * wide + x) * 3u + c;
}

/* Write code p as an element. */
static inline void compress_put(const struct compress_tensor *tensor, void *elements, size_t place, uint8_t p)
{
    uint32_t bits;
    int8_t code;
    switch (tensor->dtype) {
    case COMPRESS_FLOAT32:
        bits = compress_f32_bits_from_u8(p);
        memcpy((unsigned char *)elements + 4u * place, &bits, 4u);
        break;
    case COMPRESS_INT8:
        code = compress_i8_from_u8(p);
        memcpy((unsigned char *)elements + place, &code, 1u);
        break;
    case COMPRESS_UINT8:
        ((unsigned char *)elements)[place] = p;
        break;
    }
}

/* Read an element as a code; -1 for NaN and infinity. */
static inline int compress_get(const struct compress_tensor *tensor, const void *elements, size_t place)
{
    uint32_t bits;
    int8_t code;
    switch (tensor->dtype) {
    case COMPRESS_FLOAT32:
        memcpy(&bits, (const unsigned char *)elements + 4u * place, 4u);
        return compress_u8_from_f32_bits(bits);
    case COMPRESS_INT8:
        memcpy(&code, (const unsigned char *)elements + place, 1u);
        return compress_u8_from_i8(code);
    case COMPRESS_UINT8:
        break;
    }
    return ((const unsigned char *)elements)[place];
}

/* A picture of 8-bit RGB, height x width x 3, into the input tensor. Gives 0, or -1 where it does not fit the build. */
static inline int compress_fill(const struct compress_build *build, const uint8_t *rgb, uint32_t height, uint32_t width,
                                void *elements)
{
    uint32_t tall, wide, y, x, c;
    if (!compress_tensor_size(build, height, width, &tall, &wide))
        return -1;
    for (y = 0; y < tall; y++)
        for (x = 0; x < wide; x++)
            for (c = 0; c < 3u; c++) {
                size_t from = ((size_t)(y < height ? y : height - 1u) * width + (x < width ? x : width - 1u)) * 3u + c;
                compress_put(&build->input, elements, compress_place(&build->input, tall, wide, y, x, c), rgb[from]);
            }
    return 0;
}

/* The output tensor into a picture. height and width are those of the picture that went in; rgb has room for
 * scale * height x scale * width x 3. Gives 0; -1 where it does not fit the build, -2 for NaN or infinity in it. */
static inline int compress_read(const struct compress_build *build, const void *elements, uint32_t height,
                                uint32_t width, uint8_t *rgb)
{
    uint32_t tall, wide, y, x, c;
    if (!compress_tensor_size(build, height, width, &tall, &wide))
        return -1;
    tall *= build->scale;
    wide *= build->scale;
    height *= build->scale;
    width *= build->scale;
    for (y = 0; y < height; y++)
        for (x = 0; x < width; x++)
            for (c = 0; c < 3u; c++) {
                int p = compress_get(&build->output, elements, compress_place(&build->output, tall, wide, y, x, c));
                if (p < 0)
                    return -2;
                rgb[((size_t)y * width + x) * 3u + c] = (uint8_t)p;
            }
    return 0;
}
"""
