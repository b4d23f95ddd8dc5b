package schemas

import _ "embed"

//go:embed qlik-cloud.openapi.yaml
var qlikCloud []byte

// QlikCloud is the OpenAPI 3.1 document of the operations of Qlik Cloud that this
// project calls and simulates, as YAML.
func QlikCloud() []byte { return qlikCloud }
