#include "ranking.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/random.h>

static bool comes_before(struct order left, struct order right)
{
    return left.major != right.major ? left.major < right.major : left.minor < right.minor;
}

static uint32_t count_of(const struct place *place)
{
    return place != NULL ? place->count : 0;
}

static void count_anew(struct place *place)
{
    place->count = 1 + count_of(place->left) + count_of(place->right);
}

/* Random, so that no order of arrival makes the tree a list (xorshift; what nobody sees needs no better one). */
static uint32_t new_weight(void)
{
    static uint32_t state;
    if (state == 0 && (getrandom(&state, sizeof state, 0) != sizeof state || state == 0))
        state = 1;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* All of `left` comes before all of `right`. */
static struct place *join(struct place *left, struct place *right)
{
    if (left == NULL || right == NULL)
        return left != NULL ? left : right;
    struct place *top = left->weight > right->weight ? left : right;
    if (top == left)
        left->right = join(left->right, right);
    else
        right->left = join(left, right->left);
    count_anew(top);
    return top;
}

/* What comes before the order, and the rest. */
static void split(struct place *tree, struct order order, struct place **ret_before, struct place **ret_rest)
{
    if (tree == NULL) {
        *ret_before = *ret_rest = NULL;
        return;
    }
    if (comes_before(tree->order, order)) {
        split(tree->right, order, &tree->right, ret_rest);
        *ret_before = tree;
    } else {
        split(tree->left, order, ret_before, &tree->left);
        *ret_rest = tree;
    }
    count_anew(tree);
}

void ranking_add(struct ranking *ranking, struct place *place, struct order order, void *of)
{
    struct place *before, *rest;
    *place = (struct place){ .order = order, .weight = new_weight(), .count = 1, .of = of };
    split(ranking->root, order, &before, &rest);
    ranking->root = join(join(before, place), rest);
}

void ranking_remove(struct ranking *ranking, struct place *place)
{
    struct place **at = &ranking->root;
    while (*at != place) {
        assert(*at != NULL);
        (*at)->count--;
        at = comes_before(place->order, (*at)->order) ? &(*at)->left : &(*at)->right;
    }
    *at = join(place->left, place->right);
}

uint32_t ranking_count(const struct ranking *ranking)
{
    return count_of(ranking->root);
}

uint32_t ranking_before(const struct ranking *ranking, struct order order)
{
    uint32_t count = 0;
    for (const struct place *at = ranking->root; at != NULL;)
        if (comes_before(at->order, order)) {
            count += count_of(at->left) + 1;
            at = at->right;
        } else {
            at = at->left;
        }
    return count;
}

void *ranking_first(const struct ranking *ranking)
{
    const struct place *at = ranking->root;
    while (at != NULL && at->left != NULL)
        at = at->left;
    return at != NULL ? at->of : NULL;
}

void *ranking_last(const struct ranking *ranking)
{
    const struct place *at = ranking->root;
    while (at != NULL && at->right != NULL)
        at = at->right;
    return at != NULL ? at->of : NULL;
}

void *ranking_ahead(const struct ranking *ranking, struct order order)
{
    const struct place *found = NULL;
    for (const struct place *at = ranking->root; at != NULL;)
        if (comes_before(at->order, order)) {
            found = at;
            at = at->right;
        } else {
            at = at->left;
        }
    return found != NULL ? found->of : NULL;
}

void *ranking_behind(const struct ranking *ranking, struct order order)
{
    const struct place *found = NULL;
    for (const struct place *at = ranking->root; at != NULL;)
        if (comes_before(order, at->order)) {
            found = at;
            at = at->left;
        } else {
            at = at->right;
        }
    return found != NULL ? found->of : NULL;
}
