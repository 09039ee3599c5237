package runs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
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
// input twice, and strings are printable and cut. It leaves out, and adds to Omitted, tasks
// after the first 20,000 and tasks that are invalid or in the record already. It leaves out
// the inputs of tasks once there are too many.
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
	for range 2 {
		body, err := written.encode()
		if err != nil || len(body) <= maxBody {
			return body, err
		}
		written.forgetInputs()
	}
	return nil, fmt.Errorf("the record is larger than %d bytes", maxBody)
}

func (r *Record) encode() ([]byte, error) {
	plain, err := marshal(r)
	if err != nil {
		return nil, err
	}
	if len(plain) > maxPlain {
		return make([]byte, maxBody+1), nil // too large, without the work
	}
	return encoder().EncodeAll(plain, nil), nil
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

// takeTasks copies the tasks of another record, and the inputs that they have.
func (r *Record) takeTasks(from *Record) {
	table := newTable(from.Inputs)
	seen := make(map[string]bool, len(from.Tasks))
	r.Tasks = make([]Task, 0, min(len(from.Tasks), maxWritten))
	for _, task := range from.Tasks {
		if len(r.Tasks) == maxWritten || task.normalize() != nil || seen[task.ID] {
			r.Omitted++
			continue
		}
		seen[task.ID] = true
		task.Inputs = table.take(task.Inputs)
		r.Tasks = append(r.Tasks, task)
	}
	r.Inputs = table.sorted()
	for i := range r.Tasks {
		r.Tasks[i].Inputs = table.renumber(r.Tasks[i].Inputs)
	}
}

func (r *Record) forgetInputs() {
	r.Inputs = []Input{}
	for i := range r.Tasks {
		r.Tasks[i].Inputs = nil
	}
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
	if len(indices) == 0 || t.count+len(indices) > maxIndices || len(t.used)+len(indices) > maxInputs {
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
