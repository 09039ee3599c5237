package runs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
)

// fields returns the fields of a sound record, some of them changed.
func fields(t testing.TB, changes map[string]any) map[string]any {
	t.Helper()
	body, err := runs.Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(decompress(t, body), &all); err != nil {
		t.Fatal(err)
	}
	maps.Copy(all, changes)
	return all
}

// body returns a record with changed fields.
func body(t testing.TB, changes map[string]any) []byte {
	t.Helper()
	plain, err := json.Marshal(fields(t, changes))
	if err != nil {
		t.Fatal(err)
	}
	return compress(t, plain)
}

func task(changes map[string]any) map[string]any {
	all := map[string]any{"id": "a:b", "hash": "1", "outcome": "stored"}
	maps.Copy(all, changes)
	return all
}

func tasks(all ...map[string]any) map[string]any { return map[string]any{"tasks": all} }

func TestRejectedRecords(t *testing.T) {
	cachetest.SkipWithRace(t)
	repeated := func(n int, head, element, tail string) []byte {
		return compress(t, []byte(head+strings.Repeat(element+",", n-1)+element+tail))
	}
	head := `{"format":1,"session":"1","started":"2026-11-30T00:00:00Z","ended":"2026-11-30T00:00:00Z","scope":"pr-7","mode":"read-write",`
	for name, test := range map[string]struct {
		body []byte
		want string
	}{
		"nothing":              {nil, "EOF"},
		"no zstd":              {[]byte(`{"format":1}`), "magic"},
		"cut":                  {body(t, nil)[:60], "EOF"},
		"too long":             {make([]byte, runs.MaxBody+1), "more than 4194304 bytes"},
		"not JSON":             {compress(t, []byte("hello")), "invalid character"},
		"a list":               {compress(t, []byte("[]")), "not an object"},
		"null":                 {compress(t, []byte("null")), "not an object"},
		"two values":           {compress(t, []byte(`{}{}`)), "follows"},
		"a field twice":        {compress(t, []byte(`{"tasks":[],"tasks":[]}`)), "twice"},
		"a bomb":               {compress(t, append([]byte(head+`"x":"`), bytes.Repeat([]byte("x"), 70<<20)...)), "too long"},
		"a large part":         {compress(t, []byte(head+`"y":"`+incompressible()+`","x":"`+strings.Repeat("x", 5<<20)+`"}`)), "more than 4194304 bytes"},
		"a bomb of spaces":     {compress(t, append([]byte(head), bytes.Repeat([]byte(" "), 70<<20)...)), "too long"},
		"a bomb of fields":     {repeated(2_000_000, head, `"a":1`, "}"), "twice"},
		"a window of 16 MiB":   {compress(t, bytes.Repeat([]byte("x"), 20<<20), zstd.WithWindowSize(16<<20)), "window"},
		"many tasks":           {repeated(1_000_000, head+`"tasks":[`, `{}`, "]}"), "no name"},
		"many sound tasks":     {compress(t, []byte(head+`"y":"`+incompressible()+`","tasks":[`+soundTasks(50_001)+"]}")), "more than 50000 tasks"},
		"many inputs":          {repeated(1_000_000, head+`"inputs":[`, `["a",1]`, "]}"), "more than 100000 inputs"},
		"many indices":         {repeated(150_000, head+`"tasks":[{"id":"a","outcome":"stored","inputs":[`, `1`, "]}]}"), "too many inputs"},
		"deep":                 {repeated(1, head+`"x":`+strings.Repeat("[", 100_000), `1`, "}"), "depth"},
		"many fields":          {manyFields(t, head), "too many fields"},
		"another format":       {body(t, map[string]any{"format": 2}), "its format is 2"},
		"no format":            {body(t, map[string]any{"format": nil}), "its format is 0"},
		"a session as a path":  {body(t, map[string]any{"session": "../x"}), "session"},
		"a scope as a path":    {body(t, map[string]any{"scope": "../trusted"}), "scope"},
		"a mode":               {body(t, map[string]any{"mode": "delete"}), "mode"},
		"a time":               {body(t, map[string]any{"ended": "9999-01-01T00:00:00Z"}), "times"},
		"no time":              {body(t, map[string]any{"started": nil}), "times"},
		"omitted":              {body(t, map[string]any{"omitted": -1}), "omitted"},
		"a number as a string": {body(t, map[string]any{"session": 1}), "session"},
		"tasks as an object":   {body(t, map[string]any{"tasks": map[string]any{}}), "not a list"},
		"no name":              {body(t, tasks(task(map[string]any{"id": ""}))), "no name"},
		"a task twice":         {body(t, tasks(task(nil), task(map[string]any{"hash": "2"}))), "a:b twice"},
		"a hash as a path":     {body(t, tasks(task(map[string]any{"hash": "../1"}))), "hash is"},
		"a hash of a record":   {body(t, tasks(task(map[string]any{"hash": "runs/2026-11-30/101010-1"}))), "hash is"},
		"an index too large":   {body(t, tasks(task(map[string]any{"inputs": []int{0, 3}}))), "not in the table"},
		"a negative index":     {body(t, tasks(task(map[string]any{"inputs": []int{-1}}))), "ascending"},
		"an index twice":       {body(t, tasks(task(map[string]any{"inputs": []int{1, 1}}))), "ascending"},
		"a fraction":           {body(t, tasks(task(map[string]any{"inputs": []float64{0.5}}))), "cannot unmarshal"},
		"an input of one":      {body(t, map[string]any{"inputs": []any{[]any{"a"}}}), "name and a tag"},
		"a long tag":           {body(t, map[string]any{"inputs": []any{[]any{"a", 65536}}}), "name and a tag"},
		"a tag of a variable":  {body(t, map[string]any{"inputs": []any{[]any{"env:TOKEN", 256}}}), "more than 8 bits"},
		"a tag of a command":   {body(t, map[string]any{"inputs": []any{[]any{"runtime:x", 256}}}), "more than 8 bits"},
	} {
		record, err := runs.Decode(test.body)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %v; want an error about %q", name, record, err, test.want)
		}
	}
}

func soundTasks(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id":"a:%d","outcome":"stored"},`, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

// incompressible is so long that a body may have more JSON than the least.
func incompressible() string {
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < 60_000 {
		fmt.Fprintf(&b, "%x", random.Uint64())
	}
	return b.String()
}

func manyFields(t *testing.T, head string) []byte {
	var b strings.Builder
	b.WriteString(head)
	for i := range 200 {
		fmt.Fprintf(&b, `"f%d":1,`, i)
	}
	return compress(t, []byte(b.String()+`"z":1}`))
}

// What is impossible in an optional field is unknown, and the rest of the record counts.
func TestImpossibleValues(t *testing.T) {
	r := decode(t, body(t, map[string]any{
		"started": "2027-01-01T00:00:00Z", // after the end
		"totals":  map[string]any{"hits": -1, "saved": 1 << 60, "bytesRead": 7},
		"tasks": []any{task(map[string]any{
			"outcome": "deleted", "lookup": "x", "diagnostic": "NXAC1 \x1b[2J", "from": "../x", "bytes": -5,
			"ran": -1, "saved": int64(8 * 24 * 3600 * 1000), "inputs": []int{},
		})},
	}))
	want := runs.Task{ID: "a:b", Hash: "1", Outcome: runs.OtherOutcome, Lookup: runs.OtherLookup}
	if got := r.Tasks[0]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := r.Totals; got.Hits != 0 || got.Saved != 0 || got.BytesRead != 7 || r.Started != r.Ended {
		t.Errorf("got %+v from %v to %v", got, r.Started, r.Ended)
	}
	if want.IsMiss() || want.IsStored() {
		t.Error("an unknown outcome counts as a miss or as stored")
	}
}

// hostileStrings are what a terminal, a CI or a page might execute.
var hostileStrings = []string{
	"\x1b]0;x\x07\x1b[2J", "a\nnx-azure-cache: forged", "\x00", "\xff\xfe", "\u202e\u200b", "##vso[task.setvariable]x", "\r\n::error::x",
	strings.Repeat("x", 10_000), strings.Repeat("é", 5_000),
}

// Strings of a record are safe to print, and short.
func TestHostileStrings(t *testing.T) {
	for _, s := range hostileStrings {
		record := decode(t, body(t, map[string]any{
			"nx": s, "tool": s, "os": s, "arch": s,
			"source": map[string]string{"repository": s, "ref": s, "commit": s, "run": s},
			"inputs": []any{[]any{s, 1}},
			"tasks":  []any{task(map[string]any{"id": s, "reason": s})},
		}))
		checkStrings(t, record)
		// A writer takes them from a checkout, too.
		hostile := sample()
		hostile.Nx, hostile.Source.Ref, hostile.Inputs[1].Name, hostile.Tasks[0].ID, hostile.Tasks[0].Reason = s, s, s, s, s
		written := decode(t, encode(t, hostile))
		checkStrings(t, written)
		if len(written.Tasks) != len(hostile.Tasks) || len(written.Inputs) != 3 {
			t.Errorf("%.20q: got %d tasks and %d inputs", s, len(written.Tasks), len(written.Inputs))
		}
	}
}

// checkStrings checks all strings of a record.
func checkStrings(t *testing.T, r *runs.Record) {
	t.Helper()
	all := []string{r.Session, string(r.Scope), string(r.Mode), r.Nx, r.Tool, r.OS, r.Arch, r.Source.Repository, r.Source.Ref, r.Source.Commit, r.Source.Run}
	for _, input := range r.Inputs {
		all = append(all, input.Name)
	}
	for _, task := range r.Tasks {
		all = append(all, task.ID, task.Hash, string(task.Outcome), string(task.Lookup), task.Reason, string(task.Diagnostic), string(task.From))
	}
	for _, s := range all {
		if !printable.Is(s) || len(s) > 512 {
			t.Errorf("got %.60q of %d bytes", s, len(s))
		}
	}
}

// Errors quote records, so they are safe to print, too.
func TestHostileErrors(t *testing.T) {
	cachetest.SkipWithRace(t)
	for _, s := range hostileStrings {
		for _, changes := range []map[string]any{
			{"session": s}, {"scope": s}, {"mode": s}, {s: strings.Repeat("x", 9<<20)}, {"ended": s},
			tasks(task(map[string]any{"id": s}), task(map[string]any{"id": s})),
			tasks(task(map[string]any{"id": s, "hash": s})),
			tasks(task(map[string]any{"id": s, "inputs": []int{9}})),
			{"inputs": []any{[]any{"env:" + s, 999}}},
		} {
			_, err := runs.Decode(body(t, changes))
			if err == nil || !printable.Is(err.Error()) || len(err.Error()) > 400 {
				t.Errorf("%.20q: got %.500q", s, err)
			}
		}
	}
}

// Long names that differ only at their end stay different.
func TestLongInputs(t *testing.T) {
	long := strings.Repeat("{workspaceRoot}/x,", 100)
	r := sample()
	r.Inputs = []runs.Input{{Name: long + "a", Tag: 1}, {Name: long + "b", Tag: 1}, {Name: "env:" + long, Tag: 0x1234}}
	body := encode(t, r)
	got := decode(t, body)
	if len(got.Inputs) != 3 || got.Inputs[1].Name == got.Inputs[2].Name || got.Inputs[0].Tag != 0x34 {
		t.Errorf("got %v", got.Inputs)
	}
	if again := encode(t, got); !bytes.Equal(again, body) {
		t.Error("a second encoding differs")
	}
}

// Reading a hostile record takes bounded memory.
func TestMemoryOfHostileRecords(t *testing.T) {
	cachetest.SkipWithRace(t)
	for name, plain := range map[string]string{
		"tasks":   `{"tasks":[` + strings.Repeat(`{"id":"a"},`, 2_000_000),
		"indices": `{"tasks":[{"id":"a","inputs":[` + strings.Repeat("0,", 10_000_000),
		"inputs":  `{"inputs":[` + strings.Repeat(`["a",1],`, 2_000_000),
		"string":  `{"nx":"` + strings.Repeat(`\u0000`, 4_000_000),
		"nested":  `{"x":` + strings.Repeat(`[[`, 5_000_000),
	} {
		body := compress(t, []byte(plain))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := runs.Decode(body); err == nil {
			t.Errorf("%s: want an error", name)
		}
		runtime.ReadMemStats(&after)
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 96<<20 {
			t.Errorf("%s: allocated %d MiB in all", name, allocated>>20)
		}
	}
}

func TestInvalidRecordsAreNotWritten(t *testing.T) {
	for name, change := range map[string]func(*runs.Record){
		"session": func(r *runs.Record) { r.Session = "a/b" },
		"scope":   func(r *runs.Record) { r.Scope = "" },
		"mode":    func(r *runs.Record) { r.Mode = "" },
		"times":   func(r *runs.Record) { r.Ended = r.Ended.AddDate(-100, 0, 0) },
	} {
		r := sample()
		change(r)
		if _, err := runs.Encode(r); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// FuzzDecode reads any bytes.
func FuzzDecode(f *testing.F) {
	for _, path := range goldenPaths(f) {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add(body(f, tasks(task(map[string]any{"inputs": []int{0, 3}}))))
	f.Fuzz(func(t *testing.T, content []byte) { checkDecode(t, content) })
}

// FuzzDecodeJSON reads any JSON: few changes of a body pass the decompressor.
func FuzzDecodeJSON(f *testing.F) {
	for _, path := range goldenPaths(f) {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(decompress(f, content))
	}
	f.Add(decompress(f, body(f, tasks(task(map[string]any{"id": "\x1b[2J", "hash": "../x"})))))
	for _, changes := range variants {
		f.Add(decompress(f, body(f, changes)))
	}
	f.Fuzz(func(t *testing.T, plain []byte) {
		checkDecode(t, compress(t, plain, zstd.WithEncoderLevel(zstd.SpeedFastest)))
	})
}

// checkDecode checks what is true of every record that Decode accepts.
func checkDecode(t *testing.T, content []byte) {
	record, err := runs.Decode(content)
	if err != nil {
		if !printable.Is(err.Error()) {
			t.Errorf("got %q", err)
		}
		return
	}
	checkStrings(t, record)
	for _, task := range record.Tasks {
		if taskhash.Check(task.Hash) != nil && task.Hash != "" || diagnostic.URL(task.Diagnostic) == "" && task.Diagnostic != "" {
			t.Errorf("got the hash %q, the diagnostic %q", task.Hash, task.Diagnostic)
		}
		for _, i := range task.Inputs {
			if i < 0 || i >= len(record.Inputs) {
				t.Errorf("got the index %d of %d", i, len(record.Inputs))
			}
		}
	}
	once := encode(t, record)
	if twice := encode(t, decode(t, once)); !bytes.Equal(once, twice) {
		t.Errorf("a second encoding differs:\n%s\n%s", decompress(t, once), decompress(t, twice))
	}
}
