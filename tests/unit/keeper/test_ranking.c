#include "ranking.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define MANY 500

static struct place places[MANY];
static bool is_there[MANY];
static struct ranking ranking;

static struct order order_of(int i)
{
    return (struct order){ (uint64_t)i / 50, (uint64_t)i % 50 };
}

/* Every question, against a walk over all. */
static void compare(void)
{
    uint32_t before = 0;
    int *first = NULL, *last = NULL;
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq(ranking_before(&ranking, order_of(i)), before);
        cr_assert_eq(ranking_ahead(&ranking, order_of(i)), last);
        if (!is_there[i])
            continue;
        cr_assert_eq(*(int *)places[i].of, i);
        if (last != NULL)
            cr_assert_eq(ranking_behind(&ranking, order_of(*last)), places[i].of);
        if (first == NULL)
            first = places[i].of;
        last = places[i].of;
        before++;
    }
    cr_assert_eq(ranking_count(&ranking), before);
    cr_assert_eq(ranking_first(&ranking), first);
    cr_assert_eq(ranking_last(&ranking), last);
    if (last != NULL)
        cr_assert_null(ranking_behind(&ranking, order_of(*last)));
}

Test(ranking, knows_order_and_rank_whatever_comes_and_goes)
{
    static int numbers[MANY];
    srand(7);
    for (int step = 0; step < 3000; step++) {
        int i = rand() % MANY;
        numbers[i] = i;
        if (is_there[i])
            ranking_remove(&ranking, &places[i]);
        else
            ranking_add(&ranking, &places[i], order_of(i), &numbers[i]);
        is_there[i] = !is_there[i];
        if (step % 30 == 0)
            compare();
    }
    for (int i = 0; i < MANY; i++)
        if (is_there[i]) {
            ranking_remove(&ranking, &places[i]);
            is_there[i] = false;
        }
    compare();
}

static unsigned depth(const struct place *place)
{
    if (place == NULL)
        return 0;
    unsigned left = depth(place->left), right = depth(place->right);
    return 1 + (left > right ? left : right);
}

Test(ranking, stays_flat_when_all_come_in_order)
{
    static struct place many[10000];
    struct ranking all = { 0 };
    for (uint64_t i = 0; i < 10000; i++)
        ranking_add(&all, &many[i], (struct order){ 5, i }, &many[i]);
    cr_expect_lt(depth(all.root), 60, "a list would have 10000");
    cr_expect_eq(ranking_before(&all, (struct order){ 5, 7000 }), 7000);
}
