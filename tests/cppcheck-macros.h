/* For cppcheck alone, which does not read system headers: macros of theirs that look like nothing it knows. */
#define json_array_foreach(array, index, value)                                                                        \
    for (index = 0; index < json_array_size(array) && (value = json_array_get(array, index)); index++)
#define json_object_foreach(object, key, value)                                                                        \
    for (key = json_object_iter_key(json_object_iter(object)); key && (value = json_object_get(object, key));          \
         key = json_object_iter_key(json_object_iter_next(object, 0)))
#define json_object_foreach_safe(object, next, key, value) json_object_foreach(object, key, value)
#define LIST_HEAD(name, type)                                                                                          \
    struct name {                                                                                                      \
        struct type *lh_first;                                                                                         \
    }
#define STAILQ_HEAD(name, type)                                                                                        \
    struct name {                                                                                                      \
        struct type *stqh_first, **stqh_last;                                                                          \
    }
#define TAILQ_HEAD(name, type)                                                                                         \
    struct name {                                                                                                      \
        struct type *tqh_first, **tqh_last;                                                                            \
    }
#define LIST_ENTRY(type)                                                                                               \
    struct {                                                                                                           \
        struct type *le_next, **le_prev;                                                                               \
    }
#define STAILQ_ENTRY(type)                                                                                             \
    struct {                                                                                                           \
        struct type *stqe_next;                                                                                        \
    }
#define TAILQ_ENTRY(type)                                                                                              \
    struct {                                                                                                           \
        struct type *tqe_next, **tqe_prev;                                                                             \
    }
#define LIST_FOREACH(var, head, field)   for (var = (head)->lh_first; var; var = var->field.le_next)
#define STAILQ_FOREACH(var, head, field) for (var = (head)->stqh_first; var; var = var->field.stqe_next)
#define TAILQ_FOREACH(var, head, field)  for (var = (head)->tqh_first; var; var = var->field.tqe_next)
