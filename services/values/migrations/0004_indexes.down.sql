DROP INDEX calculations_failed;
DROP INDEX values_of_calculation;
DROP INDEX values_of_user;
