package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// placeholders are what ${…} stands for in one session.
type placeholders struct {
	values map[string]any
	// newFile and checkFile are what ${file N TEXT} does, sent and wanted.
	newFile   func(content string) (path string, err error)
	checkFile func(path, content string) error
}

var (
	placeholder = regexp.MustCompile(`\$\{(\w+)(?: ([^}]*))?\}`)
	whole       = regexp.MustCompile(`^\$\{(any|string|number|contains|matches|file|pid)(?: ([^}]*))?\}$`)
)

// substitute replaces placeholders in a text.
func (p placeholders) substitute(text string) (string, error) {
	var errs []error
	replaced := placeholder.ReplaceAllStringFunc(text, func(match string) string {
		m := placeholder.FindStringSubmatch(match)
		value, err := p.value(m[1], m[2])
		errs = append(errs, err)
		return value
	})
	return replaced, errors.Join(errs...)
}

func (p placeholders) value(name, argument string) (string, error) {
	switch name {
	case "repeat":
		return repeat(argument)
	case "licence":
		data, err := os.ReadFile(filepath.Join(testenv.LicenseFolder, argument+".jwt"))
		return strings.TrimSpace(string(data)), err
	}
	value, ok := p.values[name]
	if !ok || argument != "" {
		return "", fmt.Errorf("there is no ${%s}", strings.TrimSpace(name+" "+argument))
	}
	return fmt.Sprint(value), nil
}

// repeat reads "N TEXT".
func repeat(argument string) (string, error) {
	count, text, found := strings.Cut(argument, " ")
	n, err := strconv.Atoi(count)
	if err != nil || !found {
		return "", fmt.Errorf("%q is not a number and a text", argument)
	}
	return strings.Repeat(text, n), nil
}

// fill makes of a value of a session what is to be sent. usual is what "..." of
// an object stands for.
func (p placeholders) fill(value, usual any) (any, error) {
	switch value := value.(type) {
	case string:
		return p.example(value)
	case []any:
		filled := make([]any, len(value))
		for i := range value {
			var err error
			if filled[i], err = p.fill(value[i], nil); err != nil {
				return nil, err
			}
		}
		return filled, nil
	case map[string]any:
		return p.fillObject(value, usual)
	default:
		return value, nil
	}
}

func (p placeholders) fillObject(value map[string]any, usual any) (any, error) {
	filled := make(map[string]any)
	others, _ := usual.(map[string]any)
	if _, ok := value[rest]; ok {
		if others == nil {
			return nil, errors.New("nothing is usual here that ... could stand for")
		}
		maps.Copy(filled, others)
	}
	for key, member := range value {
		if key == rest {
			continue
		}
		var err error
		if filled[key], err = p.fill(member, others[key]); err != nil {
			return nil, err
		}
	}
	return filled, nil
}

// example is what is sent where a text of a session stands.
func (p placeholders) example(text string) (any, error) {
	m := whole.FindStringSubmatch(text)
	if m == nil {
		return p.substitute(text)
	}
	switch m[1] {
	case "any":
		return nil, nil
	case "string":
		return "text", nil
	case "number":
		return 10_000, nil
	case "contains":
		return p.substitute(m[2])
	case "file":
		content, err := repeat(m[2])
		if err != nil {
			return nil, err
		}
		return p.newFile(content)
	case "pid":
		return p.values["pid"], nil
	default:
		return nil, fmt.Errorf("%s cannot be sent", text)
	}
}

// differences says, a line each, where a value is not as wanted. where is its
// path.
func (p placeholders) differences(where string, want, got any) []string {
	switch want := want.(type) {
	case string:
		return p.differencesOfText(where, want, got)
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return different(where, want, got)
		}
		var all []string
		for i := range want {
			all = append(all, p.differences(fmt.Sprintf("%s[%d]", where, i), want[i], list[i])...)
		}
		return all
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return different(where, want, got)
		}
		return p.differencesOfObject(where, want, object)
	default:
		if want != got {
			return different(where, want, got)
		}
		return nil
	}
}

func (p placeholders) differencesOfObject(where string, want, got map[string]any) (all []string) {
	join := func(key string) string { return strings.TrimPrefix(where+"."+key, ".") }
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if key == rest {
			continue
		}
		value, ok := got[key]
		if !ok {
			all = append(all, fmt.Sprintf("%s: want %s, got nothing", join(key), show(want[key])))
			continue
		}
		all = append(all, p.differences(join(key), want[key], value)...)
	}
	if _, ok := want[rest]; ok {
		return all
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			all = append(all, fmt.Sprintf("%s: want nothing, got %s", join(key), show(got[key])))
		}
	}
	return all
}

func (p placeholders) differencesOfText(where, want string, got any) []string {
	text, isText := got.(string)
	number, isNumber := got.(float64)
	m := whole.FindStringSubmatch(want)
	if m == nil {
		substituted, err := p.substitute(want)
		if err != nil {
			return []string{where + ": " + err.Error()}
		}
		if !isText || text != substituted {
			return different(where, substituted, got)
		}
		return nil
	}
	ok := false
	switch m[1] {
	case "any":
		ok = true
	case "string":
		ok = isText
	case "number":
		ok = isNumber
	case "pid":
		ok = isNumber && number == p.values["pid"]
	case "contains":
		part, err := p.substitute(m[2])
		ok = err == nil && isText && strings.Contains(text, part)
	case "matches":
		pattern, err := regexp.Compile(m[2])
		ok = err == nil && isText && pattern.MatchString(text)
	case "file":
		content, err := repeat(m[2])
		if err == nil {
			err = p.checkFile(text, content)
		}
		if err != nil {
			return []string{where + ": " + err.Error()}
		}
		ok = true
	}
	if !ok {
		return different(where, want, got)
	}
	return nil
}

func different(where string, want, got any) []string {
	return []string{fmt.Sprintf("%s: want %s, got %s", where, show(want), show(got))}
}

// show is a value in one line of bearable length.
func show(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	if len(data) > 1000 {
		return fmt.Sprintf("%s … (%d bytes)", data[:1000], len(data))
	}
	return string(data)
}
