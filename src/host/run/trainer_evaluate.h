/* What a trainer records: loss, accuracy and gradient over a whole data set, a piece at a time. */
#ifndef GN_RUN_TRAINER_EVALUATE_H
#define GN_RUN_TRAINER_EVALUATE_H

#include "backend/context.h"
#include "gnewt/trainer.h"

typedef struct gn_evaluator {
    gn_context *context;
    const gn_dataset *dataset;
    gn_dtype dtype;
    gn_linearization *whole;  /* borrowed: its batch is the training set; NULL: there is none */
    gn_linearization *pieces; /* owned: any batch of up to `capacity` samples; NULL: not needed */
    size_t capacity;
    bool whole_ready;                  /* the point of the training set's linearization is theta */
    gn_array inputs, targets, weights; /* views of the current piece */
    gn_array outputs;                  /* samples of the largest piece x C: f, for the accuracy */
    gn_array gradient, total;          /* P each: of a piece, of all */
    gn_array slots;                    /* 1, float64 */
} gn_evaluator;

typedef struct gn_evaluation {
    double loss;          /* mean */
    double accuracy;      /* NaN without labels */
    double gradient_norm; /* of the mean loss; NaN where not asked for */
} gn_evaluation;

/* `whole` is NULL where batches are smaller than the training set. `observed`: gn_evaluator_training() will
 * be asked for, which then needs a linearization over the training set. */
gn_status gn_evaluator_create(gn_context *context, const gn_trainer_options *options, gn_linearization *whole,
                              const gn_array *theta0, bool observed, gn_evaluator *evaluator);
void gn_evaluator_destroy(gn_evaluator *evaluator);

/* theta has changed. */
void gn_evaluator_moved(gn_evaluator *evaluator);
/* On the training set, with the gradient; on the test set, without (NaN where there is none). */
gn_status gn_evaluator_train(gn_evaluator *evaluator, const gn_array *theta, gn_evaluation *result);
gn_status gn_evaluator_test(gn_evaluator *evaluator, const gn_array *theta, gn_evaluation *result);
/* A linearization over the whole training set at theta, valid until the next evaluation or step. */
gn_status gn_evaluator_training(gn_evaluator *evaluator, const gn_array *theta, gn_linearization **training);

#endif
