# One side of one case in R: Rscript sides.R SIDE KIND FOLDER. Answers as worker.py does.
options(warn = -1)
suppressPackageStartupMessages(library(survival))
args <- commandArgs(trailingOnly = TRUE)
side <- args[1]; kind <- args[2]; folder <- args[3]

names_ <- readLines(file.path(folder, "columns.txt"))
path <- file.path(folder, "data.bin")
all_ <- matrix(readBin(path, "double", file.size(path) / 8), ncol = length(names_),
               dimnames = list(NULL, names_))
X <- all_[, grep("^x", names_), drop = FALSE]
draws <- all_[, grep("^draw", names_), drop = FALSE] + 1
time <- all_[, "time"]; event <- all_[, "event"]; left <- as.numeric(event > 0)
entry <- all_[, "entry"]; group <- all_[, "group"]; score <- all_[, "score"]
d <- data.frame(time, left, X)
rm(all_)
months <- c(6, 12, 24, 36, 48)

of_fit <- function(fit) c(fit$coefficients, sqrt(diag(fit$var)))
# What coxph calls once it has made sense of a formula and a data frame.
fit_alone <- function(X, y) {
  fit <- if (ncol(y) == 3) agreg.fit else coxph.fit
  fit(X, y, NULL, NULL, rep(0, ncol(X)), coxph.control(), NULL, "efron", NULL, resid = FALSE)
}
of_draws <- function(fits) c(rowMeans(fits), apply(fits, 1, sd))

sides <- list(
  "R coxph" = list(
    cox = function() of_fit(coxph(Surv(time, left) ~ ., d)),
    start_stop = {
      s <- if (kind == "start_stop") data.frame(entry, d)
      function() of_fit(coxph(Surv(entry, time, left) ~ ., s))
    },
    cluster_robust = function() of_fit(coxph(Surv(time, left) ~ ., d, cluster = group)),
    bootstrap = function()
      of_draws(apply(draws, 2, function(i) coxph(Surv(time, left) ~ ., d[i, ])$coefficients)),
    frailty = function() {
      f <- data.frame(d, group)
      fit <- coxph(Surv(time, left) ~ . - group + frailty(group), f)
      c(fit$coefficients, fit$history[[1]]$theta)
    },
    frailty_given = function() {
      f <- data.frame(d, group)
      fit <- coxph(Surv(time, left) ~ . - group + frailty(group, theta = 0.3, sparse = FALSE), f)
      own <- seq_len(ncol(X))
      c(fit$coefficients[own], sqrt(diag(fit$var))[own])
    }
  ),
  "R coxph.fit" = list(
    cox = { y <- Surv(time, left); function() of_fit(fit_alone(X, y)) },
    bootstrap = function() of_draws(apply(draws, 2, function(i) {
      fit_alone(X[i, ], Surv(time[i], left[i]))$coefficients
    }))
  ),
  "R agreg.fit" = list(
    start_stop = {
      z <- if (kind == "start_stop") Surv(entry, time, left)
      function() of_fit(fit_alone(X, z))
    }
  ),
  "R survival" = list(
    weibull = function() {
      fit <- survreg(Surv(time, left) ~ ., d)
      c(fit$coefficients[-1], fit$coefficients[1], fit$scale)
    },
    survival = function() {
      at <- summary(survfit(Surv(time, left) ~ 1), times = months)
      c(at$surv, at$std.err)
    },
    log_rank = function() survdiff(Surv(time, left) ~ group)$chisq,
    incidence = {
      cause <- factor(event)
      function() {
        at <- summary(survfit(Surv(time, cause) ~ 1), times = months)
        c(at$pstate[, -1], at$std.err[, -1])
      }
    },
    c_index = function() {
      found <- concordance(Surv(time, left) ~ score, reverse = TRUE)
      c(found$concordance, sqrt(found$var))
    }
  ),
  "R cmprsk" = list(
    incidence = function() {
      found <- cmprsk::cuminc(time, event)
      t(cmprsk::timepoints(found, months)$est)
    }
  ),
  "R glmnet" = list(
    elastic_net = {
      if (kind == "elastic_net") glmnet::glmnet.control(fdev = 0)
      function() {
        fit <- glmnet::glmnet(X, Surv(time, left), family = "cox", lambda.min.ratio = 1e-4)
        as.matrix(fit$beta)[, c(21, 51)]
      }
    }
  )
)

answer <- function(...) { cat("@@", ..., "\n"); flush(stdout()) }
run <- sides[[side]][[kind]]
if (is.null(run)) stop("there is no such side")
answer("ready")
orders <- file("stdin", "r")
while (length(readLines(orders, 1)) == 1) {
  found <- tryCatch({
    spent <- system.time(figures <- run())
    sprintf("%.17g", c(spent[["elapsed"]], spent[["user.self"]] + spent[["sys.self"]],
                       as.vector(figures)))
  }, error = function(e) paste("error:", conditionMessage(e)))
  answer(found)
}
