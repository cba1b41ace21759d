// Original file: proto/broker/v1/http.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { HttpRequest as _broker_v1_HttpRequest, HttpRequest__Output as _broker_v1_HttpRequest__Output } from '../../broker/v1/HttpRequest.ts';
import type { HttpResponse as _broker_v1_HttpResponse, HttpResponse__Output as _broker_v1_HttpResponse__Output } from '../../broker/v1/HttpResponse.ts';

export interface HttpClient extends grpc.Client {
  Request(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_HttpRequest, _broker_v1_HttpResponse__Output>;
  Request(options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_HttpRequest, _broker_v1_HttpResponse__Output>;
  request(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_HttpRequest, _broker_v1_HttpResponse__Output>;
  request(options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_HttpRequest, _broker_v1_HttpResponse__Output>;
  
}

export interface HttpHandlers extends grpc.UntypedServiceImplementation {
  Request: grpc.handleBidiStreamingCall<_broker_v1_HttpRequest__Output, _broker_v1_HttpResponse>;
  
}

export interface HttpDefinition extends grpc.ServiceDefinition {
  Request: MethodDefinition<_broker_v1_HttpRequest, _broker_v1_HttpResponse, _broker_v1_HttpRequest__Output, _broker_v1_HttpResponse__Output>
}
