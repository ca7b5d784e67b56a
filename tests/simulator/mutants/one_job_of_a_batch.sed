# services/worker/run.c: of several jobs one is calculated
s/for (int i = 0; i < n; i++)/for (int i = 0; i < n \&\& i < 1; i++)/
