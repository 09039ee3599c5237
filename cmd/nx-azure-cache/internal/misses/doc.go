// Package misses answers why tasks were misses: it finds the record of a run, reads those of
// other runs, asks git about files, and prints what package causes concludes.
//
// Everything that it reads is foreign: records, file names, the project graph. It changes
// nothing, neither here nor in the storage. It must not know flags.
package misses
