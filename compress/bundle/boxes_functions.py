"""The part of ``boxes.h`` that is the same in every bundle: ``compress.detection.decode`` in C99."""

from __future__ import annotations

BOXES_TYPES = """
/* Where a build's maps are. tensor is its output's name; of a build that answers with maps alone it is build->output.
 * Its elements are float32, in layout order over map, row and column; strides begin with the smallest, which is how
 * many pixels of the picture a row and a column of the tensor are. */
struct compress_maps {
    const char *build;
    const char *tensor;
    enum compress_layout layout;
    uint32_t class_count;
    const char *const *classes;
    uint32_t level_count;
    uint32_t strides[4];
};

/* An object: corners in pixels of the picture, 0 to width and 0 to height, its class, and how sure it is, 0 to 1. */
struct compress_box {
    double left, top, right, bottom;
    uint32_t label;
    double score;
};
"""

BOXES_FUNCTIONS = """
/* How many bytes the maps of a picture of this size take; 0 where the picture does not fit the build. */
static inline size_t compress_maps_bytes(const struct compress_build *build, const struct compress_maps *maps,
                                         uint32_t height, uint32_t width)
{
    uint32_t tall, wide;
    if (!compress_tensor_size(build, height, width, &tall, &wide))
        return 0;
    return (size_t)maps->level_count * (maps->class_count + 5u) * (tall / maps->strides[0]) *
           (wide / maps->strides[0]) * 4u;
}

/* Map k of row y and column x, in maps of rows x columns. */
static inline float compress_map_at(const struct compress_maps *maps, const void *elements, uint32_t rows,
                                    uint32_t columns, uint32_t k, uint32_t y, uint32_t x)
{
    size_t count = (size_t)maps->level_count * (maps->class_count + 5u);
    size_t place = maps->layout == COMPRESS_NCHW ? ((size_t)k * rows + y) * columns + x
                                                 : ((size_t)y * columns + x) * count + k;
    float value;
    memcpy(&value, (const unsigned char *)elements + 4u * place, 4u);
    return value;
}

static inline double compress_sigmoid(float logit)
{
    double bounded = logit < -60.0f ? -60.0 : logit > 60.0f ? 60.0 : (double)logit;
    return 1.0 / (1.0 + exp(-bounded));
}

static inline double compress_cut(double value, double most) { return value < 0.0 ? 0.0 : value > most ? most : value; }

/* Keep the surest `room` boxes, the surest first; of equally sure ones those that came first. Gives how many. */
static inline size_t compress_keep(struct compress_box *boxes, size_t count, size_t room, struct compress_box box)
{
    size_t place = count < room ? count : room;
    if (room == 0u || (count >= room && boxes[room - 1u].score >= box.score))
        return count;
    if (count >= room)
        place = room - 1u;
    for (; place > 0u && boxes[place - 1u].score < box.score; place--)
        boxes[place] = boxes[place - 1u];
    boxes[place] = box;
    return count < room ? count + 1u : room;
}

/* Area that two boxes share over the area that they cover together. */
static inline double compress_overlap(const struct compress_box *one, const struct compress_box *other)
{
    double left = one->left > other->left ? one->left : other->left;
    double top = one->top > other->top ? one->top : other->top;
    double right = one->right < other->right ? one->right : other->right;
    double bottom = one->bottom < other->bottom ? one->bottom : other->bottom;
    double shared = right > left && bottom > top ? (right - left) * (bottom - top) : 0.0;
    double whole = (one->right - one->left) * (one->bottom - one->top) +
                   (other->right - other->left) * (other->bottom - other->top) - shared;
    return whole > 0.0 ? shared / whole : 0.0;
}

/* The box at place (i, j) of level `level`, whose first map is `first`. */
static inline struct compress_box compress_box_at(const struct compress_maps *maps, const void *elements,
                                                  uint32_t rows, uint32_t columns, uint32_t level, uint32_t i,
                                                  uint32_t j, uint32_t label)
{
    uint32_t side, stride = maps->strides[level], step = stride / maps->strides[0];
    uint32_t first = level * (maps->class_count + 5u);
    double away[4];
    float logit, centre;
    struct compress_box box;
    for (side = 0; side < 4u; side++) {
        float distance = compress_map_at(maps, elements, rows, columns, first + maps->class_count + side, i * step,
                                         j * step);
        away[side] = distance > 0.0f ? (double)(distance * (float)stride) : 0.0;
    }
    logit = compress_map_at(maps, elements, rows, columns, first + label, i * step, j * step);
    centre = compress_map_at(maps, elements, rows, columns, first + maps->class_count + 4u, i * step, j * step);
    box.left = (j + 0.5) * stride - away[0];
    box.top = (i + 0.5) * stride - away[1];
    box.right = (j + 0.5) * stride + away[2];
    box.bottom = (i + 0.5) * stride + away[3];
    box.label = label;
    box.score = sqrt(compress_sigmoid(logit) * compress_sigmoid(centre));
    return box;
}

/* 0 where there is NaN or infinity among `count` float32. */
static inline int compress_all_finite(const void *elements, size_t count)
{
    size_t i;
    uint32_t bits;
    for (i = 0; i < count; i++) {
        memcpy(&bits, (const unsigned char *)elements + 4u * i, 4u);
        if (((bits >> 23) & 255u) == 255u)
            return 0;
    }
    return 1;
}

/* The objects of class `label`, surest first, into `found`, which has room for COMPRESS_MOST_CANDIDATES. */
static inline size_t compress_boxes_of(const struct compress_maps *maps, const void *elements, uint32_t rows,
                                       uint32_t columns, uint32_t height, uint32_t width, double min_score,
                                       uint32_t label, struct compress_box *found)
{
    uint32_t level, i, j;
    size_t place, other, count = 0, kept = 0;
    for (level = 0; level < maps->level_count; level++) {
        uint32_t step = maps->strides[level] / maps->strides[0];
        for (i = 0; i * step < rows; i++)
            for (j = 0; j * step < columns; j++) {
                struct compress_box box = compress_box_at(maps, elements, rows, columns, level, i, j, label);
                if (box.score < min_score)
                    continue;
                box.left = compress_cut(box.left, width);
                box.right = compress_cut(box.right, width);
                box.top = compress_cut(box.top, height);
                box.bottom = compress_cut(box.bottom, height);
                count = compress_keep(found, count, COMPRESS_MOST_CANDIDATES, box);
            }
    }
    for (place = 0; place < count && kept < COMPRESS_MOST_OF_A_CLASS; place++) {
        for (other = 0; other < kept; other++)
            if (compress_overlap(&found[other], &found[place]) > COMPRESS_MAX_OVERLAP)
                break;
        if (other == kept)
            found[kept++] = found[place];
    }
    return kept;
}

/* The objects that the maps `elements` show in a picture of height x width, the surest first: at most `room`, each at
 * least `min_score` sure (COMPRESS_MIN_SCORE to count for mAP, .3 to be shown). height and width are those of the
 * picture that went in. Gives how many; -1 where the picture does not fit the build, -2 for NaN or infinity. Takes some
 * 20 KiB of stack and no other memory. */
static inline int compress_boxes(const struct compress_build *build, const struct compress_maps *maps,
                                 const void *elements, uint32_t height, uint32_t width, double min_score,
                                 struct compress_box *boxes, size_t room)
{
    struct compress_box found[COMPRESS_MOST_CANDIDATES];
    uint32_t tall, wide, label;
    size_t place, some, count = 0;
    if (!compress_tensor_size(build, height, width, &tall, &wide))
        return -1;
    if (!compress_all_finite(elements, compress_maps_bytes(build, maps, height, width) / 4u))
        return -2;
    for (label = 0; label < maps->class_count; label++) {
        some = compress_boxes_of(maps, elements, tall / maps->strides[0], wide / maps->strides[0], height, width,
                                 min_score, label, found);
        for (place = 0; place < some; place++)
            count = compress_keep(boxes, count, room, found[place]);
    }
    return (int)count;
}
"""
