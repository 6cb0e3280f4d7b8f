// Command files is the AWS Lambda function that lists, hands out and deletes the
// files of a conversation. It runs behind a REST or HTTP API of API Gateway, a
// Function URL or an Application Load Balancer.
package main

import (
	"uploadfiles/internal/deployed/filesfunction"
	"uploadfiles/internal/deployed/function"
)

func main() { function.Main(filesfunction.Join) }
