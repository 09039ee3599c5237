package runs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Input is an input of a task: a name, and the tag of its value.
type Input struct {
	Name string
	Tag  uint16
}

// Tag is the tag of the value that Nx reports for an input. Values of variables, commands
// and arguments may be secrets, so their tags are shorter.
func Tag(name, value string) uint16 {
	sum := sha256.Sum256([]byte(value))
	if isSecret(name) {
		return uint16(sum[0])
	}
	return uint16(sum[0])<<8 | uint16(sum[1])
}

// isSecret reports whether the value of an input may be a secret.
func isSecret(name string) bool {
	return name == "command" || strings.HasPrefix(name, "env:") || strings.HasPrefix(name, "runtime:") || strings.HasPrefix(name, "cwd:")
}

// MarshalJSON returns ["name", tag].
func (i Input) MarshalJSON() ([]byte, error) { return marshal([]any{i.Name, i.Tag}) }

// UnmarshalJSON reads ["name", tag]. Later versions may add elements.
func (i *Input) UnmarshalJSON(encoded []byte) error {
	var elements []json.RawMessage
	if err := json.Unmarshal(encoded, &elements); err != nil || len(elements) < 2 {
		return errors.New("an input is not a name and a tag")
	}
	if json.Unmarshal(elements[0], &i.Name) != nil || json.Unmarshal(elements[1], &i.Tag) != nil || i.Name == "" {
		return errors.New("an input is not a name and a tag")
	}
	if isSecret(i.Name) && i.Tag > 0xFF {
		return fmt.Errorf("the tag of %s has more than 8 bits", printable.Short(i.Name, maxShown))
	}
	i.Name = inputName(i.Name)
	return nil
}

// inputName makes the name of an input printable. The end of a long name is replaced by its
// digest, so that two such names stay different.
func inputName(name string) string {
	clean := printable.String(name)
	if len(clean) <= maxName {
		return clean
	}
	sum := sha256.Sum256([]byte(name))
	digest := hex.EncodeToString(sum[:4])
	return printable.Short(clean, maxName-len(digest)) + digest
}
