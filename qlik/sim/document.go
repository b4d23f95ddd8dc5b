package sim

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/schemas"
)

// A document is what requests are held against: Qlik's document, or what the
// live service makes of it.
type document struct {
	root     node
	compiler *jsonschema.Compiler
	bodies   map[string]*jsonschema.Schema // by operationId, as they are needed
	uuid     *regexp.Regexp
}

// A node is one mapping of the document.
type node = map[string]any

// newDocument reads the document for a dialect.
func newDocument(d qlik.Dialect) (*document, error) {
	doc := &document{
		root: node{}, compiler: jsonschema.NewCompiler(), bodies: map[string]*jsonschema.Schema{},
		uuid: regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`),
	}
	if err := yaml.Unmarshal(schemas.QlikCloud(), &doc.root); err != nil {
		return nil, fmt.Errorf("read Qlik's document: %w", err)
	}
	if d == qlik.Cloud {
		asLive(doc.root)
	}
	if err := doc.compiler.AddResource("qlik.json", doc.root); err != nil {
		return nil, fmt.Errorf("read Qlik's document: %w", err)
	}
	return doc, nil
}

// at walks down mappings; a missing one is empty.
func at(n node, path ...string) node {
	for _, key := range path {
		n, _ = n[key].(node)
	}
	return n
}

// check says what is wrong with a request; "" is nothing.
func (d *document) check(r *request) (string, error) {
	operation := at(d.root, "paths", r.op.Path, strings.ToLower(r.op.Method))
	if operation == nil {
		return "", nil
	}
	parameters, _ := operation["parameters"].([]any)
	for _, p := range parameters {
		if p, _ := p.(node); p["in"] == "query" {
			if wrong := d.checkQuery(p, r.URL.Query()); wrong != "" {
				return wrong, nil
			}
		}
	}
	body := at(operation, "requestBody")
	if at(body, "content", "application/json") == nil {
		return "", nil
	}
	if len(bytes.TrimSpace(r.body)) == 0 {
		if body["required"] == true {
			return "A body is required.", nil
		}
		return "", nil
	}
	return d.checkBody(r)
}

// checkBody holds a body against its schema.
func (d *document) checkBody(r *request) (string, error) {
	schema := d.bodies[r.op.ID]
	if schema == nil {
		escape := strings.NewReplacer("~", "~0", "/", "~1")
		pointer := "/paths/" + escape.Replace(r.op.Path) + "/" + strings.ToLower(r.op.Method) +
			"/requestBody/content/application~1json/schema"
		var err error
		if schema, err = d.compiler.Compile("qlik.json#" + (&url.URL{Path: pointer}).EscapedPath()); err != nil {
			return "", fmt.Errorf("read schema of %s: %w", r.op.ID, err)
		}
		d.bodies[r.op.ID] = schema
	}
	body, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.body))
	if err != nil {
		return "The body is not JSON: " + err.Error() + ".", nil
	}
	var wrong *jsonschema.ValidationError
	if err := schema.Validate(body); errors.As(err, &wrong) {
		_, details, _ := strings.Cut(wrong.Error(), "\n")
		return "The body is not valid: " + strings.TrimPrefix(strings.Join(strings.Fields(details), " "), "- ") + ".", nil
	} else if err != nil {
		return "", fmt.Errorf("check body of %s: %w", r.op.ID, err)
	}
	return "", nil
}

// checkQuery holds one parameter of a query against its schema.
func (d *document) checkQuery(parameter node, q url.Values) string {
	name, _ := parameter["name"].(string)
	if !q.Has(name) {
		if parameter["required"] == true {
			return name + " is required."
		}
		return ""
	}
	value, schema := q.Get(name), at(parameter, "schema")
	switch {
	case schema["type"] == "integer":
		n, err := strconv.Atoi(value)
		if low, high := schema["minimum"].(int), schema["maximum"].(int); err != nil || n < low || n > high {
			return fmt.Sprintf("%s is %q, expected %d to %d.", name, value, low, high)
		}
	case schema["type"] == "boolean" && value != "true" && value != "false":
		return fmt.Sprintf("%s is %q, expected true or false.", name, value)
	case schema["format"] == "uuid" && !d.uuid.MatchString(value):
		return fmt.Sprintf("%s is %q, expected a UUID.", name, value)
	}
	if known, listed := schema["enum"].([]any); listed && !slices.Contains(known, any(value)) {
		return fmt.Sprintf("%s is %q, expected one of %v.", name, value, known)
	}
	return ""
}

// checked refuses a request that the document does not allow.
func (t *Tenant) checked(r *request) *answer {
	if t.document == nil {
		d, err := newDocument(t.cfg.Dialect)
		if err != nil {
			return new(t.fail(http.StatusInternalServerError, "", err.Error()))
		}
		t.document = d
	}
	wrong, err := t.document.check(r)
	switch {
	case err != nil:
		return new(t.fail(http.StatusInternalServerError, "", err.Error()))
	case wrong != "":
		return t.invalid(wrong)
	}
	return nil
}
