package runs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// encoder returns the encoder of records, which takes about 10 MB once it is used.
var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedBetterCompression),
		zstd.WithWindowSize(writtenWindow),
		zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false), // the blob's metadata hold a digest
	)
	if err != nil {
		panic(err) // an option is invalid
	}
	return e
})

// Encode returns the body of the blob. The same record always has the same body. Encode does
// not change r. It writes what [Decode] returns: the table of inputs is sorted and has no
// input twice, and strings are printable and cut. Reasons lose absolute paths.
//
// It leaves out, and adds to Omitted, tasks that are invalid or in the record already. Of
// more than 20,000 tasks it leaves out the rest, hits before misses. It leaves out the
// inputs of tasks, of hits before those of misses, if there are too many. A record that is
// still too large for readers loses all inputs, and then tasks.
//
// The error says which field of the record itself is invalid.
func Encode(r *Record) ([]byte, error) {
	written := *r
	written.Format = Format
	if err := written.normalize(); err != nil {
		return nil, err
	}
	written.Inputs, written.Tasks = nil, nil
	written.takeTasks(r)
	for {
		plain, err := marshal(written)
		if err != nil {
			return nil, err
		}
		body := encoder().EncodeAll(plain, nil)
		if len(body) <= MaxBody && len(plain) <= plainOf(body) {
			return body, nil
		}
		written.shrink()
	}
}

// shrink leaves out all inputs, and the next time half of the tasks. A record without tasks
// is small.
func (r *Record) shrink() {
	if len(r.Inputs) == 0 {
		half := len(r.Tasks) / 2
		r.Omitted += len(r.Tasks) - half
		r.Tasks = r.Tasks[:half]
	}
	r.Inputs = []Input{}
	for i := range r.Tasks {
		r.Tasks[i].Inputs = nil
	}
}

// marshal returns JSON without the escapes for HTML, so that people can read it.
func marshal(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// takeTasks copies the tasks of another record, and the inputs that they have. If there is
// no room for all, misses come first.
func (r *Record) takeTasks(from *Record) {
	tasks := make([]*Task, 0, len(from.Tasks))
	seen := make(map[string]bool, len(from.Tasks))
	for _, task := range from.Tasks {
		if task.normalize() != nil || seen[task.ID] {
			r.Omitted++
			continue
		}
		seen[task.ID] = true
		task.Reason = withoutPaths(task.Reason)
		tasks = append(tasks, &task)
	}
	byWorth := slices.Clone(tasks)
	slices.SortStableFunc(byWorth, func(a, b *Task) int { return cmp.Compare(a.worth(), b.worth()) })
	table := newTable(from.Inputs)
	kept := make(map[*Task]bool, len(tasks))
	for _, task := range byWorth[:min(len(byWorth), maxWritten)] {
		kept[task] = true
		task.Inputs = table.take(task.Inputs)
	}
	r.Omitted += len(tasks) - len(kept)
	r.Inputs = table.sorted()
	r.Tasks = make([]Task, 0, len(kept))
	for _, task := range tasks {
		if kept[task] {
			task.Inputs = table.renumber(task.Inputs)
			r.Tasks = append(r.Tasks, *task)
		}
	}
}

// paths matches absolute paths, of Windows, too, up to the last separator of a clause: names
// of folders may have spaces.
var paths = regexp.MustCompile(`(^|[\s"'(=,;\[])(?:[A-Za-z]:[\\/]|\\\\|~?/)[^"':;,()]*[\\/][^\s"':;,()]*`)

// withoutPaths removes absolute paths from a reason: they often have the name of a user.
func withoutPaths(reason string) string { return paths.ReplaceAllString(reason, "${1}(path)") }

// worth is the lower, the more a task in a record is worth: it answers why there was a miss,
// or what an earlier result was made of.
func (t *Task) worth() int {
	switch {
	case t.IsMiss():
		return 0
	case t.IsStored():
		return 1
	}
	return 2
}

// table collects the inputs that are used.
type table struct {
	all     []Input
	used    []Input
	indices map[Input]int // in used, later in sorted order
	count   int           // of all tasks
}

func newTable(all []Input) *table { return &table{all: all, indices: make(map[Input]int)} }

// take returns indices into the used inputs for indices into all. It returns nil if they
// are invalid, or too many together with those before.
func (t *table) take(indices []int) []int {
	if len(indices) == 0 || len(indices) > maxOfTask || t.count+len(indices) > maxIndices || len(t.used)+len(indices) > maxInputs {
		return nil
	}
	taken := make([]int, 0, len(indices))
	for _, i := range indices {
		if i < 0 || i >= len(t.all) || t.all[i].Name == "" {
			return nil
		}
		input := Input{inputName(t.all[i].Name), t.all[i].Tag}
		if isSecret(input.Name) {
			input.Tag &= 0xFF
		}
		index, ok := t.indices[input]
		if !ok {
			index = len(t.used)
			t.indices[input] = index
			t.used = append(t.used, input)
		}
		taken = append(taken, index)
	}
	t.count += len(taken)
	return taken
}

// sorted returns the used inputs in the order of the record.
func (t *table) sorted() []Input {
	sorted := slices.SortedFunc(slices.Values(t.used), func(a, b Input) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Tag, b.Tag))
	})
	for i, input := range sorted {
		t.indices[input] = i
	}
	return slices.Clip(append([]Input{}, sorted...))
}

// renumber changes indices into the used inputs to those of the sorted ones, ascending.
func (t *table) renumber(indices []int) []int {
	for i, index := range indices {
		indices[i] = t.indices[t.used[index]]
	}
	slices.Sort(indices)
	return slices.Compact(indices)
}
