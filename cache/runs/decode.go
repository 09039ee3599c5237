package runs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Decode reads the body of a blob. Anyone may have written it, so Decode reads it in bounded
// memory, rejects what no version writes, and returns strings that are safe to print. It
// checks neither digest nor signature, see [Open] and [Verify].
func Decode(body []byte) (*Record, error) {
	if len(body) > MaxBody {
		return nil, fmt.Errorf("the record has more than %d bytes", MaxBody)
	}
	plain, err := zstd.NewReader(bytes.NewReader(body),
		zstd.WithDecoderMaxWindow(maxWindow),
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
	)
	if err != nil {
		return nil, invalid(err)
	}
	defer plain.Close()
	limited := &limitedReader{Reader: plain, left: plainOf(body) + 1}
	d := decoder{json: json.NewDecoder(limited), limited: limited}
	if err := d.decode(); err != nil {
		return nil, invalid(err)
	}
	return &d.record, nil
}

// invalid is the error of a record that cannot be read. The reason may quote the record.
func invalid(err error) error {
	return fmt.Errorf("the record is not valid: %s", printable.Short(printable.Line(err.Error()), 3*maxShown))
}

// limitedReader fails after a number of bytes.
type limitedReader struct {
	io.Reader
	left    int // in all
	element int // until the next element, which keeps the JSON decoder's memory small
}

func (r *limitedReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errors.New("its JSON is too long")
	}
	if r.element <= 0 {
		return 0, fmt.Errorf("a part of it has more than %d bytes", maxElement)
	}
	n, err := r.Reader.Read(p[:min(len(p), r.left, r.element)])
	r.left -= n
	r.element -= n
	return n, err
}

// decoder reads the record one element after the other, because a few bytes of JSON can
// become many bytes of memory.
type decoder struct {
	json    *json.Decoder
	limited *limitedReader
	record  Record
	tasks   map[string]bool // by ID
	indices int
}

// token returns the next token.
func (d *decoder) token() (json.Token, error) {
	d.limited.element = maxElement
	return d.json.Token()
}

// more reports whether the list or object has another element.
func (d *decoder) more() bool {
	d.limited.element = maxElement
	return d.json.More()
}

// value reads the next value.
func (d *decoder) value(into any) error {
	d.limited.element = maxElement
	return d.json.Decode(into)
}

func (d *decoder) decode() error {
	if err := d.expect('{'); err != nil {
		return err
	}
	fields := make(map[string]json.RawMessage)
	for d.more() {
		key, err := d.token()
		if err != nil {
			return err
		}
		name, isName := key.(string)
		if !isName {
			return errors.New("a field has no name")
		}
		if err := d.field(name, fields); err != nil {
			return err
		}
	}
	if err := d.expect('}'); err != nil {
		return err
	}
	if _, err := d.token(); err != io.EOF {
		return errors.New("something follows the JSON")
	}
	return d.finish(fields)
}

// field reads a field. Those that are no table are kept until all are known.
func (d *decoder) field(key string, fields map[string]json.RawMessage) error {
	if _, ok := fields[key]; ok {
		return fmt.Errorf("it has the field %s twice", key)
	}
	switch key {
	case "inputs":
		fields[key] = nil
		return d.list(d.input)
	case "tasks":
		fields[key] = nil
		return d.list(d.task)
	}
	var value json.RawMessage
	if err := d.value(&value); err != nil {
		return err
	}
	if len(fields) == maxFields {
		return errors.New("it has too many fields")
	}
	if len(value) > maxField {
		value = nil // no field of this version
	}
	fields[key] = value
	return nil
}

const (
	maxFields = 100
	maxField  = 64 << 10 // bytes of a field that is no table
)

// list reads a list, or null.
func (d *decoder) list(element func() error) error {
	token, err := d.token()
	if err != nil || token == nil {
		return err
	}
	if token != json.Delim('[') {
		return errors.New("a table is not a list")
	}
	for d.more() {
		if err := element(); err != nil {
			return err
		}
	}
	return d.expect(']')
}

func (d *decoder) expect(want json.Delim) error {
	token, err := d.token()
	if err == nil && token != want {
		err = errors.New("it is not an object")
	}
	return err
}

func (d *decoder) input() error {
	if len(d.record.Inputs) == maxInputs {
		return fmt.Errorf("it has more than %d inputs", maxInputs)
	}
	var input Input
	if err := d.value(&input); err != nil {
		return err
	}
	d.record.Inputs = append(d.record.Inputs, input)
	return nil
}

func (d *decoder) task() error {
	if len(d.record.Tasks) == maxTasks {
		return fmt.Errorf("it has more than %d tasks", maxTasks)
	}
	read := struct {
		Task
		Inputs indices `json:"inputs"`
	}{Inputs: indices{most: maxIndices - d.indices}}
	if err := d.value(&read); err != nil {
		return err
	}
	d.indices += len(read.Inputs.list)
	task := read.Task
	task.Inputs = read.Inputs.list
	if err := task.normalize(); err != nil {
		return err
	}
	if d.tasks[task.ID] {
		return fmt.Errorf("it has the task %s twice", printable.Short(task.ID, maxShown))
	}
	if d.tasks == nil {
		d.tasks = make(map[string]bool)
	}
	d.tasks[task.ID] = true
	d.record.Tasks = append(d.record.Tasks, task)
	return nil
}

// finish checks the record as a whole.
func (d *decoder) finish(fields map[string]json.RawMessage) error {
	for key, value := range fields {
		if value == nil {
			delete(fields, key)
		}
	}
	encoded, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	inputs, tasks := d.record.Inputs, d.record.Tasks
	// Package json ignores the case of names: a field "Tasks" must not replace what is
	// checked.
	var header struct {
		Record
		Inputs ignored `json:"inputs"`
		Tasks  ignored `json:"tasks"`
	}
	if err := json.Unmarshal(encoded, &header); err != nil {
		return err
	}
	d.record = header.Record
	d.record.Inputs, d.record.Tasks = inputs, tasks
	for i := range tasks {
		if list := tasks[i].Inputs; len(list) > 0 && list[len(list)-1] >= len(inputs) {
			return fmt.Errorf("the task %s has an input that is not in the table", printable.Short(tasks[i].ID, maxShown))
		}
	}
	return d.record.normalize()
}

// ignored is a value that is not read.
type ignored struct{}

// UnmarshalJSON does nothing.
func (*ignored) UnmarshalJSON([]byte) error { return nil }

// indices is an ascending list with a limit.
type indices struct {
	list []int
	most int
}

// UnmarshalJSON reads a list of numbers, or null.
func (l *indices) UnmarshalJSON(encoded []byte) error {
	if string(encoded) == "null" {
		return nil
	}
	count := bytes.Count(encoded, []byte(",")) + 1
	if count > min(l.most, maxOfTask) {
		return errors.New("its tasks have too many inputs")
	}
	list := make([]int, 0, count)
	if err := json.Unmarshal(encoded, &list); err != nil {
		return err
	}
	for i, index := range list {
		if index < 0 || i > 0 && index <= list[i-1] {
			return errors.New("the inputs of a task are not in ascending order")
		}
	}
	if len(list) > 0 {
		l.list = list
	}
	return nil
}
