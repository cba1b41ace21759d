// Original file: proto/broker/v1/services.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ClearCookiesRequest as _broker_v1_ClearCookiesRequest, ClearCookiesRequest__Output as _broker_v1_ClearCookiesRequest__Output } from '../../broker/v1/ClearCookiesRequest.ts';
import type { ClearCookiesResponse as _broker_v1_ClearCookiesResponse, ClearCookiesResponse__Output as _broker_v1_ClearCookiesResponse__Output } from '../../broker/v1/ClearCookiesResponse.ts';
import type { DeleteServiceRequest as _broker_v1_DeleteServiceRequest, DeleteServiceRequest__Output as _broker_v1_DeleteServiceRequest__Output } from '../../broker/v1/DeleteServiceRequest.ts';
import type { DeleteServiceResponse as _broker_v1_DeleteServiceResponse, DeleteServiceResponse__Output as _broker_v1_DeleteServiceResponse__Output } from '../../broker/v1/DeleteServiceResponse.ts';
import type { GetServiceRequest as _broker_v1_GetServiceRequest, GetServiceRequest__Output as _broker_v1_GetServiceRequest__Output } from '../../broker/v1/GetServiceRequest.ts';
import type { ListCookiesRequest as _broker_v1_ListCookiesRequest, ListCookiesRequest__Output as _broker_v1_ListCookiesRequest__Output } from '../../broker/v1/ListCookiesRequest.ts';
import type { ListCookiesResponse as _broker_v1_ListCookiesResponse, ListCookiesResponse__Output as _broker_v1_ListCookiesResponse__Output } from '../../broker/v1/ListCookiesResponse.ts';
import type { ListServicesRequest as _broker_v1_ListServicesRequest, ListServicesRequest__Output as _broker_v1_ListServicesRequest__Output } from '../../broker/v1/ListServicesRequest.ts';
import type { ListServicesResponse as _broker_v1_ListServicesResponse, ListServicesResponse__Output as _broker_v1_ListServicesResponse__Output } from '../../broker/v1/ListServicesResponse.ts';
import type { PutServiceRequest as _broker_v1_PutServiceRequest, PutServiceRequest__Output as _broker_v1_PutServiceRequest__Output } from '../../broker/v1/PutServiceRequest.ts';
import type { Service as _broker_v1_Service, Service__Output as _broker_v1_Service__Output } from '../../broker/v1/Service.ts';
import type { SetServiceRequest as _broker_v1_SetServiceRequest, SetServiceRequest__Output as _broker_v1_SetServiceRequest__Output } from '../../broker/v1/SetServiceRequest.ts';
import type { TestServiceRequest as _broker_v1_TestServiceRequest, TestServiceRequest__Output as _broker_v1_TestServiceRequest__Output } from '../../broker/v1/TestServiceRequest.ts';
import type { TestServiceResponse as _broker_v1_TestServiceResponse, TestServiceResponse__Output as _broker_v1_TestServiceResponse__Output } from '../../broker/v1/TestServiceResponse.ts';
import type { TrustServiceRequest as _broker_v1_TrustServiceRequest, TrustServiceRequest__Output as _broker_v1_TrustServiceRequest__Output } from '../../broker/v1/TrustServiceRequest.ts';
import type { TrustServiceResponse as _broker_v1_TrustServiceResponse, TrustServiceResponse__Output as _broker_v1_TrustServiceResponse__Output } from '../../broker/v1/TrustServiceResponse.ts';

export interface ServicesClient extends grpc.Client {
  ClearCookies(argument: _broker_v1_ClearCookiesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ClearCookiesResponse__Output>): grpc.ClientUnaryCall;
  ClearCookies(argument: _broker_v1_ClearCookiesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ClearCookiesResponse__Output>): grpc.ClientUnaryCall;
  ClearCookies(argument: _broker_v1_ClearCookiesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ClearCookiesResponse__Output>): grpc.ClientUnaryCall;
  ClearCookies(argument: _broker_v1_ClearCookiesRequest, callback: grpc.requestCallback<_broker_v1_ClearCookiesResponse__Output>): grpc.ClientUnaryCall;
  clearCookies(argument: _broker_v1_ClearCookiesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ClearCookiesResponse__Output>): grpc.ClientUnaryCall;
  clearCookies(argument: _broker_v1_ClearCookiesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ClearCookiesResponse__Output>): grpc.ClientUnaryCall;
  clearCookies(argument: _broker_v1_ClearCookiesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ClearCookiesResponse__Output>): grpc.ClientUnaryCall;
  clearCookies(argument: _broker_v1_ClearCookiesRequest, callback: grpc.requestCallback<_broker_v1_ClearCookiesResponse__Output>): grpc.ClientUnaryCall;
  
  Delete(argument: _broker_v1_DeleteServiceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_DeleteServiceResponse__Output>): grpc.ClientUnaryCall;
  Delete(argument: _broker_v1_DeleteServiceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_DeleteServiceResponse__Output>): grpc.ClientUnaryCall;
  Delete(argument: _broker_v1_DeleteServiceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_DeleteServiceResponse__Output>): grpc.ClientUnaryCall;
  Delete(argument: _broker_v1_DeleteServiceRequest, callback: grpc.requestCallback<_broker_v1_DeleteServiceResponse__Output>): grpc.ClientUnaryCall;
  delete(argument: _broker_v1_DeleteServiceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_DeleteServiceResponse__Output>): grpc.ClientUnaryCall;
  delete(argument: _broker_v1_DeleteServiceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_DeleteServiceResponse__Output>): grpc.ClientUnaryCall;
  delete(argument: _broker_v1_DeleteServiceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_DeleteServiceResponse__Output>): grpc.ClientUnaryCall;
  delete(argument: _broker_v1_DeleteServiceRequest, callback: grpc.requestCallback<_broker_v1_DeleteServiceResponse__Output>): grpc.ClientUnaryCall;
  
  Get(argument: _broker_v1_GetServiceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  Get(argument: _broker_v1_GetServiceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  Get(argument: _broker_v1_GetServiceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  Get(argument: _broker_v1_GetServiceRequest, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  get(argument: _broker_v1_GetServiceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  get(argument: _broker_v1_GetServiceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  get(argument: _broker_v1_GetServiceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  get(argument: _broker_v1_GetServiceRequest, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  
  List(argument: _broker_v1_ListServicesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListServicesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListServicesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListServicesRequest, callback: grpc.requestCallback<_broker_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListServicesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListServicesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListServicesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListServicesRequest, callback: grpc.requestCallback<_broker_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  
  ListCookies(argument: _broker_v1_ListCookiesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListCookiesResponse__Output>): grpc.ClientUnaryCall;
  ListCookies(argument: _broker_v1_ListCookiesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ListCookiesResponse__Output>): grpc.ClientUnaryCall;
  ListCookies(argument: _broker_v1_ListCookiesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListCookiesResponse__Output>): grpc.ClientUnaryCall;
  ListCookies(argument: _broker_v1_ListCookiesRequest, callback: grpc.requestCallback<_broker_v1_ListCookiesResponse__Output>): grpc.ClientUnaryCall;
  listCookies(argument: _broker_v1_ListCookiesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListCookiesResponse__Output>): grpc.ClientUnaryCall;
  listCookies(argument: _broker_v1_ListCookiesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ListCookiesResponse__Output>): grpc.ClientUnaryCall;
  listCookies(argument: _broker_v1_ListCookiesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListCookiesResponse__Output>): grpc.ClientUnaryCall;
  listCookies(argument: _broker_v1_ListCookiesRequest, callback: grpc.requestCallback<_broker_v1_ListCookiesResponse__Output>): grpc.ClientUnaryCall;
  
  Put(argument: _broker_v1_PutServiceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  Put(argument: _broker_v1_PutServiceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  Put(argument: _broker_v1_PutServiceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  Put(argument: _broker_v1_PutServiceRequest, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  put(argument: _broker_v1_PutServiceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  put(argument: _broker_v1_PutServiceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  put(argument: _broker_v1_PutServiceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  put(argument: _broker_v1_PutServiceRequest, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  
  Set(argument: _broker_v1_SetServiceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  Set(argument: _broker_v1_SetServiceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  Set(argument: _broker_v1_SetServiceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  Set(argument: _broker_v1_SetServiceRequest, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  set(argument: _broker_v1_SetServiceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  set(argument: _broker_v1_SetServiceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  set(argument: _broker_v1_SetServiceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  set(argument: _broker_v1_SetServiceRequest, callback: grpc.requestCallback<_broker_v1_Service__Output>): grpc.ClientUnaryCall;
  
  Test(argument: _broker_v1_TestServiceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_TestServiceResponse__Output>): grpc.ClientUnaryCall;
  Test(argument: _broker_v1_TestServiceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_TestServiceResponse__Output>): grpc.ClientUnaryCall;
  Test(argument: _broker_v1_TestServiceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_TestServiceResponse__Output>): grpc.ClientUnaryCall;
  Test(argument: _broker_v1_TestServiceRequest, callback: grpc.requestCallback<_broker_v1_TestServiceResponse__Output>): grpc.ClientUnaryCall;
  test(argument: _broker_v1_TestServiceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_TestServiceResponse__Output>): grpc.ClientUnaryCall;
  test(argument: _broker_v1_TestServiceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_TestServiceResponse__Output>): grpc.ClientUnaryCall;
  test(argument: _broker_v1_TestServiceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_TestServiceResponse__Output>): grpc.ClientUnaryCall;
  test(argument: _broker_v1_TestServiceRequest, callback: grpc.requestCallback<_broker_v1_TestServiceResponse__Output>): grpc.ClientUnaryCall;
  
  Trust(argument: _broker_v1_TrustServiceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_TrustServiceResponse__Output>): grpc.ClientUnaryCall;
  Trust(argument: _broker_v1_TrustServiceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_TrustServiceResponse__Output>): grpc.ClientUnaryCall;
  Trust(argument: _broker_v1_TrustServiceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_TrustServiceResponse__Output>): grpc.ClientUnaryCall;
  Trust(argument: _broker_v1_TrustServiceRequest, callback: grpc.requestCallback<_broker_v1_TrustServiceResponse__Output>): grpc.ClientUnaryCall;
  trust(argument: _broker_v1_TrustServiceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_TrustServiceResponse__Output>): grpc.ClientUnaryCall;
  trust(argument: _broker_v1_TrustServiceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_TrustServiceResponse__Output>): grpc.ClientUnaryCall;
  trust(argument: _broker_v1_TrustServiceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_TrustServiceResponse__Output>): grpc.ClientUnaryCall;
  trust(argument: _broker_v1_TrustServiceRequest, callback: grpc.requestCallback<_broker_v1_TrustServiceResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface ServicesHandlers extends grpc.UntypedServiceImplementation {
  ClearCookies: grpc.handleUnaryCall<_broker_v1_ClearCookiesRequest__Output, _broker_v1_ClearCookiesResponse>;
  
  Delete: grpc.handleUnaryCall<_broker_v1_DeleteServiceRequest__Output, _broker_v1_DeleteServiceResponse>;
  
  Get: grpc.handleUnaryCall<_broker_v1_GetServiceRequest__Output, _broker_v1_Service>;
  
  List: grpc.handleUnaryCall<_broker_v1_ListServicesRequest__Output, _broker_v1_ListServicesResponse>;
  
  ListCookies: grpc.handleUnaryCall<_broker_v1_ListCookiesRequest__Output, _broker_v1_ListCookiesResponse>;
  
  Put: grpc.handleUnaryCall<_broker_v1_PutServiceRequest__Output, _broker_v1_Service>;
  
  Set: grpc.handleUnaryCall<_broker_v1_SetServiceRequest__Output, _broker_v1_Service>;
  
  Test: grpc.handleUnaryCall<_broker_v1_TestServiceRequest__Output, _broker_v1_TestServiceResponse>;
  
  Trust: grpc.handleUnaryCall<_broker_v1_TrustServiceRequest__Output, _broker_v1_TrustServiceResponse>;
  
}

export interface ServicesDefinition extends grpc.ServiceDefinition {
  ClearCookies: MethodDefinition<_broker_v1_ClearCookiesRequest, _broker_v1_ClearCookiesResponse, _broker_v1_ClearCookiesRequest__Output, _broker_v1_ClearCookiesResponse__Output>
  Delete: MethodDefinition<_broker_v1_DeleteServiceRequest, _broker_v1_DeleteServiceResponse, _broker_v1_DeleteServiceRequest__Output, _broker_v1_DeleteServiceResponse__Output>
  Get: MethodDefinition<_broker_v1_GetServiceRequest, _broker_v1_Service, _broker_v1_GetServiceRequest__Output, _broker_v1_Service__Output>
  List: MethodDefinition<_broker_v1_ListServicesRequest, _broker_v1_ListServicesResponse, _broker_v1_ListServicesRequest__Output, _broker_v1_ListServicesResponse__Output>
  ListCookies: MethodDefinition<_broker_v1_ListCookiesRequest, _broker_v1_ListCookiesResponse, _broker_v1_ListCookiesRequest__Output, _broker_v1_ListCookiesResponse__Output>
  Put: MethodDefinition<_broker_v1_PutServiceRequest, _broker_v1_Service, _broker_v1_PutServiceRequest__Output, _broker_v1_Service__Output>
  Set: MethodDefinition<_broker_v1_SetServiceRequest, _broker_v1_Service, _broker_v1_SetServiceRequest__Output, _broker_v1_Service__Output>
  Test: MethodDefinition<_broker_v1_TestServiceRequest, _broker_v1_TestServiceResponse, _broker_v1_TestServiceRequest__Output, _broker_v1_TestServiceResponse__Output>
  Trust: MethodDefinition<_broker_v1_TrustServiceRequest, _broker_v1_TrustServiceResponse, _broker_v1_TrustServiceRequest__Output, _broker_v1_TrustServiceResponse__Output>
}
