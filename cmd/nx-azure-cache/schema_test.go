package main

import (
	"fmt"
	"slices"
	"strings"
)

// checkSchema returns what is wrong with a value by a JSON Schema, of the keywords that ours
// use: $ref, type, enum, properties, required, additionalProperties and items.
func checkSchema(root, schema map[string]any, value any, at string) (problems []string) {
	if ref, ok := schema["$ref"].(string); ok {
		definitions, _ := root["definitions"].(map[string]any)
		schema, ok = definitions[strings.TrimPrefix(ref, "#/definitions/")].(map[string]any)
		if !ok {
			return []string{at + ": there is no " + ref}
		}
	}
	if want, ok := schema["type"].(string); ok && !isOfType(value, want) {
		return []string{fmt.Sprintf("%s is %v, want the type %s", at, value, want)}
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, value) {
		problems = append(problems, fmt.Sprintf("%s is %v, want one of %v", at, value, enum))
	}
	switch value := value.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		for _, key := range required {
			if _, ok := value[key.(string)]; !ok {
				problems = append(problems, fmt.Sprintf("%s lacks %v", at, key))
			}
		}
		for key, child := range value {
			property, ok := properties[key].(map[string]any)
			if !ok {
				if schema["additionalProperties"] == false {
					problems = append(problems, fmt.Sprintf("%s has the unknown key %s", at, key))
				}
				continue
			}
			problems = append(problems, checkSchema(root, property, child, at+"."+key)...)
		}
	case []any:
		items, _ := schema["items"].(map[string]any)
		for i, item := range value {
			problems = append(problems, checkSchema(root, items, item, fmt.Sprintf("%s[%d]", at, i))...)
		}
	}
	return problems
}

func isOfType(value any, want string) bool {
	switch value := value.(type) {
	case string:
		return want == "string"
	case bool:
		return want == "boolean"
	case float64:
		return want == "number" || want == "integer" && value == float64(int64(value))
	case []any:
		return want == "array"
	case map[string]any:
		return want == "object"
	}
	return false
}
