def bench_labelled(folder): pass
