package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
)

// MaxHandOver is the size of the largest hand-over, in bytes.
const MaxHandOver = 64 << 20

// The limits of a hand-over. What exceeds one of the first two is left out, as in a record.
const (
	maxTasks   = 20_000
	maxIndices = 1_000_000 // of all tasks
	maxInputs  = 200_000   // in the table, and names
	// maxNames is how many bytes all names may have.
	maxNames = 16 << 20
	// maxAhead is how many bytes may be read for one element. A million indices have fewer.
	maxAhead = 8 << 20
)

// HandOver is what Nx did, as the client hands it over at the end of a run.
type HandOver struct {
	Started, Ended time.Time // zero if unknown
	Waited         int64     // milliseconds for which Nx waited for the cache
	Inputs         []runs.Input
	Tasks          []Task
	Omitted        int // tasks that are left out
	// IsCancelled is for the caller to set: the run was cancelled, so that some outcomes are
	// unknown.
	IsCancelled bool
}

// Task is what Nx says of a task.
type Task struct {
	ID, Hash string
	Status   string // Nx's
	// IsUncacheable is set if Nx does not cache the task.
	IsUncacheable bool
	Ran           *int64 // milliseconds; nil if unknown
	// Target is nil if the client does not tell it.
	Target *Target
	// IsPrivate is for the caller to set, see [runs.Task].
	IsPrivate bool
	Inputs    []int
}

// HasFailed reports whether the task ran and failed.
func (t *Task) HasFailed() bool { return t.Status == statusFailure }

// Target is what settings call a task.
type Target struct {
	Project       string `json:"project"`
	Target        string `json:"target"`
	Configuration string `json:"configuration"`
}

// ReadHandOver reads a hand-over, as package rpc specifies it. It keeps no values of inputs,
// only their tags. The error says what is invalid.
func ReadHandOver(r io.Reader) (*HandOver, error) {
	p := &parser{}
	p.json = json.NewDecoder(&aheadReader{r: r, parser: p})
	if err := p.parse(); err != nil {
		return nil, fmt.Errorf("the hand-over is invalid: %w", err)
	}
	return &p.handOver, nil
}

// parser reads one element after the other, because a few bytes of JSON can become many
// bytes of memory.
type parser struct {
	json      *json.Decoder
	handOver  HandOver
	names     []string // one may be empty: its tasks have no inputs in the record
	nameBytes int
	indices   int
	fields    map[string]bool
}

// aheadReader fails if the decoder reads far ahead of what it has returned.
type aheadReader struct {
	r      io.Reader
	parser *parser
	read   int64
}

func (a *aheadReader) Read(b []byte) (int, error) {
	left := maxAhead - (a.read - a.parser.json.InputOffset())
	if left <= 0 {
		return 0, fmt.Errorf("an element has more than %d bytes", maxAhead)
	}
	if a.read > MaxHandOver {
		return 0, fmt.Errorf("it has more than %d bytes", MaxHandOver)
	}
	n, err := a.r.Read(b[:min(int64(len(b)), left)])
	a.read += int64(n)
	return n, err
}

func (p *parser) parse() error {
	if err := p.expect('{'); err != nil {
		return err
	}
	p.fields = make(map[string]bool)
	for p.json.More() {
		key, err := p.json.Token()
		if err != nil {
			return err
		}
		name := key.(string) // a key, because of More
		if p.fields[name] || len(p.fields) == 100 {
			return errors.New("it has a field twice, or too many")
		}
		p.fields[name] = true
		if err := p.field(name); err != nil {
			return err
		}
	}
	if err := p.expect('}'); err != nil {
		return err
	}
	if _, err := p.json.Token(); err != io.EOF {
		return errors.New("something follows the JSON")
	}
	if !p.fields["tasks"] {
		return errors.New("it has no tasks")
	}
	return nil
}

func (p *parser) field(name string) (err error) {
	var number float64
	switch name {
	case "names":
		return p.list(p.name)
	case "inputs":
		return p.list(p.input)
	case "tasks":
		return p.list(p.task)
	case "started", "ended", "waited", "omitted":
		err = p.json.Decode(&number)
	default:
		return p.json.Decode(new(json.RawMessage)) // of a later version
	}
	milliseconds := positive(number)
	switch name {
	case "started":
		p.handOver.Started = timeOf(milliseconds)
	case "ended":
		p.handOver.Ended = timeOf(milliseconds)
	case "waited":
		p.handOver.Waited = milliseconds
	case "omitted":
		p.handOver.Omitted += int(milliseconds)
	}
	return err
}

func (p *parser) list(element func() error) error {
	if err := p.expect('['); err != nil {
		return err
	}
	for p.json.More() {
		if err := element(); err != nil {
			return err
		}
	}
	return p.expect(']')
}

func (p *parser) expect(want json.Delim) error {
	got, err := p.json.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err == nil && got != want {
		err = fmt.Errorf("it has a value where %q must be", want)
	}
	return err
}

func (p *parser) name() error {
	var name string
	if err := p.json.Decode(&name); err != nil {
		return err
	}
	p.nameBytes += len(name)
	if len(p.names) == maxInputs || p.nameBytes > maxNames {
		return errors.New("there are too many names")
	}
	p.names = append(p.names, name)
	return nil
}

// input reads [name index, "value"].
func (p *parser) input() error {
	var elements [2]json.RawMessage // later ones are ignored
	if err := p.json.Decode(&elements); err != nil {
		return err
	}
	var index int
	var value string
	if json.Unmarshal(elements[0], &index) != nil || json.Unmarshal(elements[1], &value) != nil {
		return errors.New("an input is not a name's index and a value")
	}
	if index < 0 || index >= len(p.names) || len(p.handOver.Inputs) == maxInputs {
		return errors.New("an input names no name before it, or there are too many")
	}
	name := p.names[index]
	p.handOver.Inputs = append(p.handOver.Inputs, runs.Input{Name: name, Tag: runs.Tag(name, value)})
	return nil
}

func (p *parser) task() error {
	var given struct {
		ID      string   `json:"id"`
		Hash    string   `json:"hash"`
		Status  string   `json:"status"`
		Cache   *bool    `json:"cache"`
		Started *float64 `json:"started"`
		Ended   *float64 `json:"ended"`
		Inputs  []int    `json:"inputs"`
		Target  *Target  `json:"task"`
	}
	if err := p.json.Decode(&given); err != nil {
		return err
	}
	if given.ID == "" {
		return errors.New("a task has no id")
	}
	isOdd := given.Hash != "" && taskhash.Check(given.Hash) != nil // of a custom hasher
	for _, index := range given.Inputs {
		if index < 0 || index >= len(p.handOver.Inputs) {
			return errors.New("a task has an input that is not in the table before it")
		}
	}
	if isOdd || len(p.handOver.Tasks) == maxTasks {
		p.handOver.Omitted++
		return nil
	}
	if p.indices+len(given.Inputs) > maxIndices {
		given.Inputs = nil
	}
	p.indices += len(given.Inputs)
	p.handOver.Tasks = append(p.handOver.Tasks, Task{
		ID: given.ID, Hash: given.Hash, Status: given.Status,
		IsUncacheable: given.Cache != nil && !*given.Cache,
		Ran:           duration(given.Started, given.Ended),
		Inputs:        given.Inputs,
		Target:        given.Target,
	})
	return nil
}

// duration returns the milliseconds between two times, or nil if one is unknown or they
// contradict each other.
func duration(started, ended *float64) *int64 {
	if started == nil || ended == nil || *started < 0 || *ended < *started {
		return nil
	}
	return new(positive(*ended - *started))
}

// positive rounds a number. It returns 0 for an impossible one.
func positive(number float64) int64 {
	if number < 0 || number > 1<<46 {
		return 0
	}
	return int64(math.Round(number))
}

func timeOf(milliseconds int64) time.Time {
	if milliseconds == 0 {
		return time.Time{}
	}
	return time.UnixMilli(milliseconds)
}
