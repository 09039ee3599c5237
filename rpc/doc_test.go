package rpc_test

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// doc.go is the specification for other clients. It lists the same fields as the types,
// in the same order, with their types, and the same of them are optional.
func TestFieldsAreDocumented(t *testing.T) {
	const indent = "    "
	for name, test := range map[string]struct {
		beginnings []string // of the block and of those before or around it
		indent     string
		typ        reflect.Type
	}{
		"initialize":        {[]string{"\tinitialize {"}, indent, reflect.TypeFor[rpc.InitializeParams]()},
		"initialize result": {[]string{"\tinitialize {", "\t} → {"}, indent, reflect.TypeFor[rpc.InitializeResult]()},
		"license":           {[]string{"\tinitialize {", "\t    license {"}, indent + indent, reflect.TypeFor[rpc.LicenseResult]()},
		"claim":             {[]string{"\tclaim {                        a variable that the checkout has set"}, indent, reflect.TypeFor[rpc.Claim]()},
		"retrieve":          {[]string{"\tretrieve {"}, indent, reflect.TypeFor[rpc.RetrieveParams]()},
		"retrieve result":   {[]string{"\tretrieve {", "\t} → null for a miss, or {"}, indent, reflect.TypeFor[rpc.RetrieveResult]()},
		"store":             {[]string{"\tstore {"}, indent, reflect.TypeFor[rpc.StoreParams]()},
		"store result":      {[]string{"\tstore {", "\t} → {"}, indent, reflect.TypeFor[rpc.StoreResult]()},
		"snapshot":          {[]string{"\tsnapshot {                     of <cacheDirectory>/<hash>, when Nx called store"}, indent, reflect.TypeFor[rpc.Snapshot]()},
		"task":              {[]string{"\ttask {                         the task of the result, as Nx names it"}, indent, reflect.TypeFor[rpc.Task]()},
		"shutdown result":   {[]string{"\tshutdown {} → {"}, indent, reflect.TypeFor[cache.Summary]()},
		"stored":            {[]string{"\tstored {                       once for each accepted entry"}, indent, reflect.TypeFor[rpc.StoredParams]()},
		"progress":          {[]string{"\tprogress {                     while requests wait"}, indent, reflect.TypeFor[rpc.ProgressParams]()},
		"log":               {[]string{"\tlog {"}, indent, reflect.TypeFor[rpc.LogParams]()},
	} {
		t.Run(name, func(t *testing.T) {
			block := documentation(t)
			for _, beginning := range test.beginnings {
				var found bool
				if _, block, found = strings.Cut(block, "\n//"+beginning+"\n"); !found {
					t.Fatalf("doc.go has no %q", test.beginnings)
				}
			}
			block, _, _ = strings.Cut(block, "\n//\t}")
			got, want := documentedFields(block, test.indent), fieldsOf(test.typ)
			if !slices.Equal(got, want) {
				t.Errorf("doc.go has\n\t%s\nwant as in %v\n\t%s", strings.Join(got, ", "), test.typ, strings.Join(want, ", "))
			}
		})
	}
}

// documentedFields returns the fields in a block, each with its type.
func documentedFields(block, indent string) (fields []string) {
	field := regexp.MustCompile(`(?m)^//\t` + indent + `(\w+\??) +(string|number|boolean|object|array|\{)`)
	for _, match := range field.FindAllStringSubmatch(block, -1) {
		fields = append(fields, match[1]+" "+strings.Replace(match[2], "{", "object", 1))
	}
	return fields
}

// fieldsOf returns the fields of a type in the same form.
func fieldsOf(typ reflect.Type) (fields []string) {
	for field := range typ.Fields() {
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		if option == "omitempty" {
			name += "?"
		}
		fields = append(fields, name+" "+kindOf(field.Type))
	}
	return fields
}

func kindOf(typ reflect.Type) string {
	switch typ.Kind() {
	case reflect.Pointer:
		return kindOf(typ.Elem())
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64:
		return "number"
	case reflect.Slice:
		if typ == reflect.TypeFor[json.RawMessage]() {
			return "object" // which it holds here
		}
		return "array"
	default:
		return "object"
	}
}

// documentedCodes returns the error codes of doc.go in ascending order.
func documentedCodes(t *testing.T) (codes []int64) {
	t.Helper()
	_, text, _ := strings.Cut(documentation(t), "// # Errors\n")
	for _, match := range regexp.MustCompile(`(?m)^//\t *(-?\d+)  `).FindAllStringSubmatch(text, -1) {
		code, err := strconv.ParseInt(match[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}
