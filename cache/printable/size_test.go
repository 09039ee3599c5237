package printable_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

func TestSize(t *testing.T) {
	text, err := os.ReadFile("../../testdata/printable/sizes.json")
	if err != nil {
		t.Fatal(err)
	}
	var table [][2]any
	if err := json.Unmarshal(text, &table); err != nil || len(table) == 0 {
		t.Fatal("no sizes to test: ", err)
	}
	for _, row := range table {
		bytes, want := int64(row[0].(float64)), row[1].(string)
		if got := printable.Size(bytes); got != want {
			t.Errorf("Size(%d): got %q, want %q", bytes, got, want)
		}
	}
}
