// Package verification is azure.verify: a run treats a share of its hits as misses, makes
// these results itself, and compares what it made with what was stored.
//
// A difference means that the task is not reproducible, or that someone planted the
// entry. No check of the stored entry alone can show that: anyone who may write an entry can
// write a digest that matches it.
//
// The run, the day and the hash decide which hits are sampled. So a run that is repeated
// samples the same ones, other runs sample others, and no one can tell before a run which
// entries it will check.
//
// The package knows manifests and provenance. It must not know the storage, nor which runs
// verify: package cache decides that.
package verification
