package deploy_test

const sandboxVariable = "GATEWAY_TEST_SANDBOX"

func enter(string) {}
